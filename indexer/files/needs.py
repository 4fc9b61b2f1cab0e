"""How much memory decoding takes, told from a file's header."""

from __future__ import annotations

from typing import Any

from PIL import Image

from indexer.files.depth import is_deep
from indexer.files.srgb import STRIP_PIXELS, WITH_ALPHA
from indexer.formats import AVIF, HEIC, JPEG_2000, WEBP, Format

# Pictures of more pixels than this are shrunk before they are framed, since copies of them would take too much memory.
LARGE = 2**24
# Where a picture's `info` says which width and height it is shown with before it is turned, whatever the draft.
STORED_SIZE = "latentsearch_stored_size"
# Bytes that Pillow keeps for each pixel, by mode.
ONE_BYTE, TWO_BYTES = ("1", "L", "P"), ("I;16", "I;16L", "I;16B", "I;16N")
# Bytes that a decoder keeps for each pixel beside Pillow's, as measured on 20 megapixels: its own planes, and a copy.
BESIDE = {WEBP: 12, AVIF: 6, HEIC: 3}
# What JPEG 2000 keeps for each sample, and JPEG for each coefficient where all parts of the picture come at once.
BYTES_A_SAMPLE, BYTES_A_COEFFICIENT = 4, 2
# Bytes for each pixel of a strip while it is converted; numpy takes more.
CONVERTED, CONVERTED_BY_NUMPY = 14, 26


def needed_bytes(picture: Image.Image, kind: Format, file_size: int) -> int:
    """The peak of the memory that decoding a picture takes whose header was read, in bytes, the file's included."""
    pixels = picture.width * picture.height
    decoded = pixels * (_bytes_a_pixel(picture.mode) + BESIDE.get(kind, 0))
    if kind is JPEG_2000:
        decoded += pixels * BYTES_A_SAMPLE * len(picture.getbands())
    return file_size + decoded + _coefficients(picture) + _converted(picture, pixels)


def _converted(picture: Image.Image, pixels: int) -> int:
    """What it takes to make 8-bit sRGB of it, a strip at a time: a copy, too, of one that is not shrunk at once."""
    strip = min(pixels, STRIP_PIXELS) * (CONVERTED_BY_NUMPY if is_deep(picture) else CONVERTED)
    if not STRIP_PIXELS < pixels <= LARGE:
        return strip
    has_alpha = picture.mode in WITH_ALPHA or "transparency" in picture.info
    return pixels * 4 + max(strip, pixels * 4 * (2 if has_alpha else 1))


def _bytes_a_pixel(mode: str) -> int:
    return 1 if mode in ONE_BYTE else 2 if mode in TWO_BYTES else 4


def _coefficients(picture: Any) -> int:
    """Those of a progressive JPEG are all kept until its last scan, at its full size even where it is drafted."""
    if not picture.info.get("progressive") or not getattr(picture, "layer", None):
        return 0
    layers = [(layer[1], layer[2]) for layer in picture.layer]
    largest = max(across for across, _ in layers) * max(down for _, down in layers)
    width, height = picture.info.get(STORED_SIZE, picture.size)
    samples: int = width * height * sum(across * down for across, down in layers) // largest
    return samples * BYTES_A_COEFFICIENT
