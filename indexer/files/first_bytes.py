"""The first bytes of a file, and whether one without a picture's suffix is a picture all the same."""

from __future__ import annotations

import os

from indexer.decoding.file_types import BMP, identify
from indexer.errors import UnreadableImage

# Enough for the longest signature: the brands at the beginning of HEIC and AVIF.
BYTES = 512
# Sizes of the header of a bitmap that follows the file's own of 14 bytes.
BITMAP_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
BITMAP_FILE_HEADER = 14


def first_bytes(path: str) -> bytes:
    """The first BYTES bytes of a file; never waits on a named pipe. Raises OSError where it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, BYTES)
    finally:
        os.close(descriptor)


def begins_as_picture(path: str) -> bool:
    """Whether a regular file begins as a picture of a known format does. Raises OSError where it cannot be read."""
    data = first_bytes(path)
    if not data:
        return False
    try:
        known = identify(data)
    except UnreadableImage:
        return False
    return known is not BMP or _is_bitmap(data)


def _is_bitmap(data: bytes) -> bool:
    """Two letters are a short signature: text begins with BM, too."""
    header = int.from_bytes(data[14:18], "little")
    pixels_at = int.from_bytes(data[10:14], "little")
    return header in BITMAP_HEADERS and pixels_at >= BITMAP_FILE_HEADER + header
