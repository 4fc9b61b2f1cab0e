"""From a picture file's bytes to upright sRGB pixels."""
