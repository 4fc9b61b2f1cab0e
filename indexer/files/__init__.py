"""What lies in folders: which files are pictures, and which are passed over."""
