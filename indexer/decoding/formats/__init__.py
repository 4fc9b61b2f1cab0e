"""Support for formats that Pillow reads only in part or not at all, one file each."""
