"""Decide by the pixels whether a picture was enlarged, and whether it has fewer colours than a copy."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decoding.srgb import over_white
from latentsearch.duplicates.compare.contents import MANY, Facts

LANCZOS = Image.Resampling.LANCZOS
ENLARGED_BY = (Image.Resampling.BICUBIC, LANCZOS, Image.Resampling.BILINEAR)
# To test whether a picture is an enlargement, the smaller copy is enlarged and subtracted from it. The residue is
# compared with that of the smaller copy itself, shrunk by the same factor and enlarged again. The ratio is 0.43 or more
# for originals at half size (faces, drawings, noise) and 0.85 at nine tenths; 0.33 and 0.55 or less for enlargements.
# MOST_SHARE times the scale lies nearer to the enlargements, because losing an original is worse than keeping a copy.
MOST_SHARE = 0.7
# The residue of the smaller copy counts as at least this many grey levels; in a nearly flat picture it is rounding.
LEAST_RESIDUE = 0.3
# Only the middle of a picture is compared, at most this many pixels a side.
LOOKED_AT = 384
# More than FLAT_SHARE of a drawing is flat. There, the median difference of a lossy copy is 4 of 255 at most (JPEG,
# quality 40), and that of a photograph whose colours were reduced until it is mostly flat, 5 to 45.
FLAT_SHARE, FLAT_DIFFERENCE = 0.5, 4.5
# One copy has fewer colours if its count is below this share of the other's.
FEWER = 0.75
# An 8-bit grey picture has 256 colours at most. Its greys were reduced only if it has this many or fewer.
FEW_GREYS = 64


def is_enlarged(large: Image.Image, small: Image.Image) -> bool:
    """Whether the larger of two copies is an enlargement of the smaller, without further detail."""
    large, small = large.convert("L"), small.convert("L")
    share = small.width / large.width
    box = _middle(large.size)
    pixels = np.asarray(large.crop(box), np.float32)
    across, down = small.width / large.width, small.height / large.height
    seen = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    most = MOST_SHARE * share * max(_own_residue(small, share), LEAST_RESIDUE)
    size = box[2] - box[0], box[3] - box[1]
    # Enlarged as a whole, then cropped: resizing a part would pick different nearest pixels.
    repeated = small.resize(large.size, Image.Resampling.NEAREST).crop(box)
    enlarged = (small.resize(size, how, box=seen) for how in ENLARGED_BY)
    return any(_residue(pixels, guess) < most for guess in itertools.chain([repeated], enlarged))


def _own_residue(small: Image.Image, share: float) -> float:
    """Measure what the middle of a picture loses when it is shrunk by this factor and enlarged again."""
    middle = small.crop(_middle(small.size))
    smaller = middle.resize((max(round(middle.width * share), 1), max(round(middle.height * share), 1)), LANCZOS)
    return _residue(np.asarray(middle, np.float32), smaller.resize(middle.size, Image.Resampling.BICUBIC))


def _middle(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box (left, top, right, bottom) in the middle of a picture that is compared."""
    (left, right), (top, bottom) = (
        ((side - min(side, LOOKED_AT)) // 2, (side + min(side, LOOKED_AT)) // 2) for side in size
    )
    return left, top, right, bottom


def _residue(pixels: NDArray[np.float32], other: Image.Image) -> float:
    return float(np.sqrt(np.mean((pixels - np.asarray(other, np.float32)) ** 2)))


def has_fewer_colours(first: Image.Image, facts: Facts, second: Image.Image, others: Facts) -> bool:
    """Whether the first of two copies has fewer colours than the second; colours that compression adds do not count."""
    if facts.colours >= FEWER * others.colours or (not others.is_coloured and facts.colours > FEW_GREYS):
        return False
    if others.colours < MANY and first.size == second.size:
        return True
    first, second = over_white(first), over_white(second)
    if second.size != first.size:
        second = second.resize(first.size, LANCZOS)
    few = np.asarray(first, np.int16)
    flat = _flat(few)
    if flat.mean() < FLAT_SHARE:
        return True
    difference = np.abs(few - np.asarray(second, np.int16)).max(-1)[flat]
    return float(np.median(difference)) > FLAT_DIFFERENCE


def _flat(pixels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mark the pixels that have the same colour as their neighbours up to two pixels away, across and down."""
    flat = np.ones(pixels.shape[:2], bool)
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            flat &= (pixels == np.roll(pixels, step, axis)).all(-1)
    return flat
