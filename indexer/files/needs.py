"""How much memory decoding takes, told from a file's header."""

from __future__ import annotations

from PIL import Image

from indexer.files.srgb import STRIP_PIXELS
from indexer.formats import Format

# Bytes that Pillow keeps for each pixel, by mode.
ONE_BYTE, TWO_BYTES = ("1", "L", "P"), ("I;16", "I;16L", "I;16B", "I;16N")


def needed_bytes(picture: Image.Image, kind: Format, file_size: int) -> int:
    """The peak of the memory that decoding a picture takes whose header was read, in bytes, the file's included."""
    pixels = picture.width * picture.height
    decoded = pixels * _bytes_a_pixel(picture.mode)
    return file_size + decoded + min(pixels, STRIP_PIXELS) * 12


def _bytes_a_pixel(mode: str) -> int:
    return 1 if mode in ONE_BYTE else 2 if mode in TWO_BYTES else 4
