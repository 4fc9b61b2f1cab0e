"""Marks and recognises contact sheets that latentsearch wrote, so that they are not indexed."""

from __future__ import annotations

from typing import Any

MARK = "latentsearch contact sheet"
SOFTWARE_TAG = 0x0131
# The mark is looked for in this many bytes at each end: PNG and JPEG store metadata before the pixels, WebP after them.
BYTES_AT_EITHER_END = 1_024


def marked() -> Any:
    """Return EXIF metadata that marks a saved picture as a contact sheet, in any format."""
    from PIL import Image

    exif = Image.Exif()
    exif[SOFTWARE_TAG] = MARK
    return exif


def is_sheet(content: bytes) -> bool:
    """Return whether a picture file's bytes contain the mark."""
    mark = MARK.encode()
    return mark in content[:BYTES_AT_EITHER_END] or mark in content[-BYTES_AT_EITHER_END:]
