"""Files that end too early or are broken in the middle: decoded as far as they go.

Such a file is decoded twice, with what is missing in a dark and in a light colour. All that is done to a picture until
it is framed is linear, so what differs between the two says how much of each framed pixel is missing, and the rest can
be told from either. What is missing altogether becomes mid-grey.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFile

from indexer.decoding.depth import Scale
from indexer.decoding.file_types import JPEG, TIFF, WEBP, Format
from indexer.decoding.formats.webp import completed_webp, rows_of_webp
from indexer.decoding.srgb import colour_of, is_deep, palette_brightness

# A picture that shows less than this share of its area is a failure: a search with it would find chance results.
LEAST_SEEN = 0.1
Ink = float | tuple[int, ...]
Colour = tuple[int, int, int]
ROWS_AT_ONCE = 64
# Interlaced files hold one pixel of each such block, then more.
INTERLACED_BLOCK = 8
GREY = 128
DARK, LIGHT = 0, 255
# Less than this of a framed pixel says nothing of its colour.
LEAST_OF_A_PIXEL = 0.1
END_OF_JPEG = b"\xff\xd9"
# What libjpeg leaves where data are missing; 127 where the colours are stored inverted.
JPEG_BLANKS = (127, 128)


def completed(data: bytes, file_type: Format) -> bytes:
    """A file that was cut off with an end that decoders want to see."""
    if file_type is JPEG:
        return data + END_OF_JPEG
    return completed_webp(data) if file_type is WEBP else data


def load_partly(picture: Image.Image, fill: int, file_type: Format, rows: int, scale: Scale | None) -> Colour:
    """Decode what is there of a picture that was opened, of a file that is `completed`; the rest is DARK or LIGHT.

    rows: how many there are at most. scale: of a deep picture, once it is known. Returns which colour the rest is, in
    sRGB.
    """
    ink = _ink(picture, fill, scale)
    _load_over(picture, ink)
    if file_type is JPEG:
        rows = _rows_of_jpeg(picture)
    if rows < picture.height:
        picture.paste(ink, (0, rows, *picture.size))
    return colour_of(picture, ink)


def rows_there(data: bytes, file_type: Format, height: int) -> int:
    """How many rows of a WebP that was cut off can be told to be right; of other files, the height."""
    return rows_of_webp(data) if file_type is WEBP else height


def merged(dark: Image.Image, light: Image.Image, fills: tuple[Colour, Colour]) -> tuple[Image.Image, float]:
    """The picture that is there, and which share of its area that is, of one with what is missing in two colours.

    dark, light: mode RGB, of one size. fills: which colours those are. Of a file that holds every eighth pixel first
    (interlaced), each pixel that is missing gets the colour of those around it; elsewhere, GREY.
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
    """Decode over one colour, whatever goes wrong."""
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
        if picture.format == TIFF.pillow:  # which turns itself upright when it was decoded
            picture.load_end()


def _ink(picture: Image.Image, fill: int, scale: Scale | None) -> Ink:
    """A colour as a picture's mode has it: as dark or light as can be."""
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
    """The rows above those that libjpeg left blank."""
    rows = picture.height
    while rows > 0:
        above = max(rows - ROWS_AT_ONCE, 0)
        part = np.asarray(picture.crop((0, above, picture.width, rows)))
        blank = np.isin(part, JPEG_BLANKS).reshape(len(part), -1).all(axis=1)
        if not blank.all():
            return above + int(np.flatnonzero(~blank)[-1]) + 1
        rows = above
    return 0
