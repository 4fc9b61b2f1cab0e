"""Formats that Pillow does not read, or not quite: one file each."""
