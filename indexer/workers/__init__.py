"""Worker processes that read and decode files, and the distribution of work and memory among them."""
