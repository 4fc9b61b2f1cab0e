"""Decodes as much as possible of files that are truncated or damaged in the middle.

Each file is decoded twice, with its missing pixels once dark and once light, and shrunk if it is large. These steps are
linear, so the difference between the two results shows how much of each pixel is missing, and either result then gives
the colour of the part that is present. Pixels that are missing altogether become mid-grey.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFile

from indexer.decoding.depth import Scale
from indexer.decoding.file_types import JPEG, TIFF, WEBP, Format
from indexer.decoding.formats.webp import completed_webp, rows_of_webp
from indexer.decoding.srgb import colour_of, is_deep, palette_brightness

# If less than this share of a picture is present, it is unreadable: a search with it would return chance results.
LEAST_SEEN = 0.1
Ink = float | tuple[int, ...]
Colour = tuple[int, int, int]
ROWS_AT_ONCE = 64
# Interlaced files store one pixel of each block of this side first, then the rest.
INTERLACED_BLOCK = 8
GREY = 128
DARK, LIGHT = 0, 255
# If less than this share of a shrunk pixel is present, its colour is treated as missing.
LEAST_OF_A_PIXEL = 0.1
END_OF_JPEG = b"\xff\xd9"
# The values that libjpeg leaves where data is missing: 128, or 127 if the colours are stored inverted.
JPEG_BLANKS = (127, 128)


def completed(data: bytes, file_type: Format) -> bytes:
    """Append or restore the ending that decoders need to open a truncated file."""
    if file_type is JPEG:
        return data + END_OF_JPEG
    return completed_webp(data) if file_type is WEBP else data


def load_partly(picture: Image.Image, fill: int, file_type: Format, rows: int, scale: Scale | None) -> Colour:
    """Decode the present part of an opened picture, whose file was `completed`, and fill the rest with DARK or LIGHT.

    rows: the most rows that can be present. scale: of a deep picture, once known. Returns the sRGB colour of the fill.
    """
    ink = _ink(picture, fill, scale)
    _load_over(picture, ink)
    if file_type is JPEG:
        rows = _rows_of_jpeg(picture)
    if rows < picture.height:
        picture.paste(ink, (0, rows, *picture.size))
    return colour_of(picture, ink)


def rows_there(data: bytes, file_type: Format, height: int) -> int:
    """Return how many rows of a truncated WebP do not depend on missing data; for other formats, the height."""
    return rows_of_webp(data) if file_type is WEBP else height


def merged(dark: Image.Image, light: Image.Image, fills: tuple[Colour, Colour]) -> tuple[Image.Image, float]:
    """Combine two decodings of a picture with different fills; return the picture and the share of its area present.

    dark, light: mode RGB, of equal size. fills: their fill colours in sRGB. In interlaced files, which store every
    eighth pixel first, a missing pixel takes the colour of its neighbours; otherwise it becomes GREY.
    """
    low, high = (np.array(fill, np.float32) for fill in fills)
    channel = int(np.argmax(high - low))
    span = max(float((high - low)[channel]), 1.0)
    coloured = np.empty((dark.height, dark.width, 4), np.uint8)
    for top in range(0, dark.height, ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        box = (0, top, dark.width, min(top + ROWS_AT_ONCE, dark.height))
        first, second = (np.asarray(picture.crop(box), np.float32) for picture in (dark, light))
        there = 1 - ((second - first)[..., channel, None] / span).clip(0, 1)
        seen = (first - (1 - there) * low) / np.maximum(there, LEAST_OF_A_PIXEL)
        coloured[rows, :, :3] = np.rint(seen).clip(0, 255)
        coloured[rows, :, 3:] = (there >= LEAST_OF_A_PIXEL) * 255
    share = float((coloured[..., 3] > 0).mean())
    return _filled(Image.fromarray(coloured)), share


def _filled(picture: Image.Image) -> Image.Image:
    around = picture.reduce(INTERLACED_BLOCK)
    around.putalpha(around.getchannel("A").point([0] + [255] * 255))
    whole = Image.new("RGBA", picture.size, (GREY, GREY, GREY, 255))
    whole.alpha_composite(around.resize(_multiple(around.size), Image.Resampling.NEAREST).crop((0, 0, *picture.size)))
    whole.alpha_composite(picture)
    return whole.convert("RGB")


def _multiple(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * INTERLACED_BLOCK, size[1] * INTERLACED_BLOCK


def _load_over(picture: Image.Image, ink: Ink) -> None:
    """Decode a picture onto a canvas of one colour, ignoring decoding errors."""
    assert isinstance(picture, ImageFile.ImageFile)
    prepare = picture.load_prepare
    box = picture.tile[0].extents if picture.tile else None

    def load_prepare() -> None:
        prepare()
        picture.im.paste(ink, box or (0, 0, *picture.size))

    picture.load_prepare = load_prepare  # type: ignore[method-assign]
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception:
        picture.tile = []
        if picture.format == TIFF.pillow:  # Pillow rotates a TIFF upright at the end of loading
            picture.load_end()


def _ink(picture: Image.Image, fill: int, scale: Scale | None) -> Ink:
    """Return the darkest or lightest value of a picture's mode."""
    if is_deep(picture):
        brightest = max(scale.black, scale.white) if scale else 0.0
        return brightest if picture.mode == "F" else int(brightest)
    if picture.mode in ("P", "PA"):
        brightness = palette_brightness(picture)
        index = brightness.index((max if fill else min)(brightness))
        return index if picture.mode == "P" else (index, 255)
    inks: dict[str, Ink] = {
        "1": fill,
        "L": fill,
        "CMYK": (0, 0, 0, LIGHT - fill),
        "YCbCr": (fill, GREY, GREY),
        "LAB": (fill, GREY, GREY),
        "HSV": (0, 0, fill),
        "LA": (fill, 255),
        "La": (fill, 255),
        "RGB": (fill, fill, fill),
    }
    return inks.get(picture.mode, (fill, fill, fill, 255))


def _rows_of_jpeg(picture: Image.Image) -> int:
    """Count the rows above the blank rows that libjpeg left at the bottom."""
    rows = picture.height
    while rows > 0:
        above = max(rows - ROWS_AT_ONCE, 0)
        part = np.asarray(picture.crop((0, above, picture.width, rows)))
        blank = np.isin(part, JPEG_BLANKS).reshape(len(part), -1).all(axis=1)
        if not blank.all():
            return above + int(np.flatnonzero(~blank)[-1]) + 1
        rows = above
    return 0
