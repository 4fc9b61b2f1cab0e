"""Estimates from a file's header how much memory decoding takes, based on measurements at 27 megapixels."""

from __future__ import annotations

import math

from PIL import Image

from indexer.decoding.file_types import JPEG, Format
from indexer.decoding.srgb import ORIENTATION_TAG, STRIP_PIXELS, is_deep
from indexer.errors import UnreadableImage

# Key in a picture's `info`: full width and height of the visible part before rotation, even in a reduced decode.
STORED_SIZE = "latentsearch_stored_size"
# Pictures of more pixels than this are shrunk before framing, since full-size copies would take too much memory.
LARGE = 2**24
# Pillow modes that take one or two bytes per pixel; all others take four.
ONE_BYTE, TWO_BYTES = ("1", "L", "P"), ("I;16", "I;16L", "I;16B", "I;16N")
# Additional bytes per pixel used by the format's library, for its own planes and for the decoded picture as bytes.
BESIDE = {"WEBP": 13.0, "AVIF": 6.8, "HEIF": 3.5, "JPEG2000": 16.0, "DDS": 8.5}
# Bytes per pixel of a strip during conversion (deep, other), and of a full copy in mode RGB.
A_DEEP_STRIP, A_STRIP, A_COPY = 24, 8, 4
# The most pixels per byte of file, for formats in which a tiny file could otherwise cost much time or memory.
MOST_PIXELS_A_BYTE = {"GIF": 3_000, "PNG": 8_400, "DDS": 100, "BLP": 100, "FTEX": 100, "QOI": 100, "ICNS": 100}
# Bytes per coefficient of a progressive JPEG. libjpeg keeps all coefficients at full size, even for a reduced decode.
A_COEFFICIENT = 2


def refuse_impossible(picture: Image.Image, file_type: Format, file_size: int) -> None:
    """Raise UnreadableImage if a header states more pixels than its file can hold. Call before decoding."""
    if picture.width * picture.height > file_size * MOST_PIXELS_A_BYTE.get(file_type.pillow, math.inf):
        raise UnreadableImage(
            f"not decodable as {file_type.name}: it states {picture.width}x{picture.height} pixels, more than "
            f"{file_size:,} bytes can hold"
        )


def needed_bytes(picture: Image.Image, file_type: Format, file_size: int) -> int:
    """Estimate the peak memory in bytes for decoding a picture whose header has been read, including its file."""
    pixels = picture.width * picture.height
    needed = file_size + pixels * (_bytes_a_pixel(picture.mode) + BESIDE.get(file_type.pillow, 0))
    if file_type is JPEG and picture.info.get("progressive"):
        needed += _coefficients(picture) * A_COEFFICIENT
    if pixels <= LARGE and picture.mode != "RGB":
        needed += pixels * A_COPY
    if _is_turned(picture):
        needed += pixels * _bytes_a_pixel(picture.mode)
    return int(needed) + min(pixels, STRIP_PIXELS) * (A_DEEP_STRIP if is_deep(picture) else A_STRIP)


def _bytes_a_pixel(mode: str) -> int:
    return 1 if mode in ONE_BYTE else 2 if mode in TWO_BYTES else 4


def _is_turned(picture: Image.Image) -> bool:
    """Return whether decoding makes a rotated copy: always for a rotated TIFF, otherwise only if it is not shrunk."""
    if (tags := getattr(picture, "tag_v2", None)) is not None:
        return bool(tags.get(ORIENTATION_TAG, 1) != 1)
    return "exif" in picture.info and picture.width * picture.height <= LARGE


def _coefficients(picture: Image.Image) -> float:
    width, height = picture.info[STORED_SIZE]
    layers = [(across, down) for _, across, down, *_ in getattr(picture, "layer", [])] or [(1, 1)]
    most = max(across for across, _ in layers) * max(down for _, down in layers)
    return float(width * height * sum(across * down for across, down in layers) / most)
