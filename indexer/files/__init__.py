"""Files in folders: which are pictures, and from their bytes to upright sRGB pixels."""
