"""Lets libheif open HEIC pictures above its default size limit."""

from __future__ import annotations

import struct

# libheif's default limit on a single memory block in bytes, and the bytes it uses per RGB pixel.
LARGEST_BLOCK, BYTES_A_PIXEL = 2**29, 3
# The most `ispe` boxes to read; each states the size of one image in the file.
MOST_EXTENTS = 4_096


def lift_limit_of_libheif(data: bytes) -> None:
    """Lift libheif's limits for a picture that needs a larger block than they allow, and restore them for all others.

    In both cases, latentsearch applies its own memory limit once the header has been read.
    """
    from pillow_heif import options

    options.DISABLE_SECURITY_LIMITS = _most_pixels(data) * BYTES_A_PIXEL > LARGEST_BLOCK


def _most_pixels(data: bytes) -> int:
    """Return the largest size that a file's items state, in pixels."""
    most, offset = 0, 0
    for _ in range(MOST_EXTENTS):
        offset = data.find(b"ispe", offset) + 4
        if offset < 4 or offset + 12 > len(data):
            break
        width, height = struct.unpack_from(">II", data, offset + 4)
        most = max(most, width * height)
    return most
