"""Converts greyscale pictures of 16 bits, 32 bits or floats to 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# The range of values is found in blocks of rows of at most this many pixels, to save memory.
PIXELS_AT_ONCE = 2**20
MAX_SAMPLE_VALUE, PHOTOMETRIC, WHITE_IS_ZERO = 281, 262, 0
WHITES = {"L": (255,), "I": (255, 65535), "F": (1, 255, 65535)}


@dataclass(frozen=True)
class Scale:
    """The values of a deep picture that become black and white. If white is the lower value, the picture is a negative.

    value_type: numpy type to reinterpret the values as, where Pillow misreads unsigned 32-bit or signed 8-bit values.
    """

    black: float
    white: float
    value_type: str = ""

    def to_8_bit(self, picture: Image.Image) -> Image.Image:
        """Convert a deep picture, or a part of one, to mode L, or to LA if it has a transparent value."""
        values = _values(picture, self.value_type)
        span = self.white - self.black
        scaled = (values - np.float32(self.black)) * np.float32(255 / span if span else 0)
        grey = Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))
        transparent = picture.info.get("transparency")
        if not isinstance(transparent, int):
            return grey
        seen = (np.asarray(picture) != transparent).astype(np.uint8) * np.uint8(255)
        return Image.merge("LA", (grey, Image.fromarray(seen)))


def scale_of(picture: Image.Image, value_type: str = "") -> Scale:
    """Find the scale of a decoded deep picture; value_type: see Scale.

    White is the maximum that the file states, if no value exceeds it. Otherwise it is 65535 for 16 bits; 4095 for a
    TIFF without a higher value, since 12-bit cameras write such files; and for other types, the lowest common white
    that no value exceeds. In 32-bit and float pictures with negative values, the lowest value is black.
    """
    tags: dict[int, Any] = dict(getattr(picture, "tag_v2", {}))
    darkest, brightest = _extremes(picture, value_type)
    black = min(darkest, 0.0)
    whites: tuple[float, ...] = WHITES.get(picture.mode) or ((4095, 65535) if tags else (65535,))
    stated = _first(tags.get(MAX_SAMPLE_VALUE, 0))
    if stated >= brightest > 0 and stated > 1:
        whites = (stated,)
    white = next((white for white in whites if brightest - black <= white), brightest - black) + black
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        black, white = white, black
    return Scale(black, white, value_type)


def _first(value: Any) -> float:
    number = value[0] if isinstance(value, tuple) and value else value
    return float(number) if isinstance(number, int | float) else 0.0


def _extremes(picture: Image.Image, value_type: str) -> tuple[float, float]:
    lows, highs = zip(*((part.min(), part.max()) for part in _parts(picture, value_type)), strict=True)
    return float(min(lows)), float(max(highs))


def _parts(picture: Image.Image, value_type: str) -> Iterator[NDArray[np.float32]]:
    rows = max(PIXELS_AT_ONCE // picture.width, 1)
    for top in range(0, picture.height, rows):
        yield _values(picture.crop((0, top, picture.width, min(top + rows, picture.height))), value_type)


def _values(picture: Image.Image, value_type: str) -> NDArray[np.float32]:
    """Return float32 values; non-finite values become 0, and extreme ones are clipped to ±1e30."""
    stored = np.asarray(picture)
    values = (stored.view(value_type) if value_type else stored).astype(np.float32)
    return np.clip(np.nan_to_num(values, copy=False, posinf=0, neginf=0), -1e30, 1e30)
