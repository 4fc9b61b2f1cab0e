"""Recognises pictures without a picture suffix by their first bytes."""

from __future__ import annotations

import os

from indexer.decoding.file_types import BMP, identify
from indexer.errors import UnreadableImage

# Covers the longest signatures: the brand lists at the start of HEIC and AVIF files.
BYTES = 512
# Valid sizes of the header that follows a BMP file's own header of 14 bytes.
BITMAP_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
BITMAP_FILE_HEADER = 14


def first_bytes(path: str) -> bytes:
    """Read a file's first BYTES bytes, never waiting on a named pipe. Raises OSError if it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, BYTES)
    finally:
        os.close(descriptor)


def begins_as_picture(path: str) -> bool:
    """Return whether a regular file starts like a picture of a known format. Raises OSError if unreadable."""
    data = first_bytes(path)
    if not data:
        return False
    try:
        known = identify(data)
    except UnreadableImage:
        return False
    return known is not BMP or _is_bitmap(data)


def _is_bitmap(data: bytes) -> bool:
    """Check the BMP headers, since the signature BM is only two letters and also starts ordinary text."""
    header = int.from_bytes(data[14:18], "little")
    pixels_at = int.from_bytes(data[10:14], "little")
    return header in BITMAP_HEADERS and pixels_at >= BITMAP_FILE_HEADER + header
