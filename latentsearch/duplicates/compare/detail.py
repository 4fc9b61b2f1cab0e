"""What pixels really hold: whether a picture was enlarged, and whether it has fewer colours than a copy."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decoding.srgb import over_white
from latentsearch.duplicates.compare.contents import MANY, Facts

LANCZOS = Image.Resampling.LANCZOS
ENLARGED_BY = (Image.Resampling.BICUBIC, LANCZOS, Image.Resampling.BILINEAR)
# What a picture shows beyond an enlarged smaller copy, as a share of what that copy shows beyond itself made smaller
# by as much. Originals have 0.43 and more of it at half size (faces, drawings, noise), 0.85 at nine tenths; enlarged
# ones 0.33 and 0.55 at most. The line is nearer to the latter, since an original is what must not be lost.
MOST_SHARE = 0.7
LEAST_RESIDUE = 0.3
# Only so much of the middle of a picture is compared, in pixels a side.
LOOKED_AT = 384
# Most of a drawing is flat, and there the median difference of a lossy copy is at most 4 (JPEG, quality 40); a
# photograph with so few colours that most of it is flat differs by 5 to 45 there.
FLAT_SHARE, FLAT_DIFFERENCE = 0.5, 4.5
# Counts of colours that differ by less say nothing.
FEWER = 0.75
# Any grey picture of 8 bits has few colours; from here on it was made to have fewer.
FEW_GREYS = 64


def is_enlarged(large: Image.Image, small: Image.Image) -> bool:
    """Whether the larger of two copies shows nothing that the smaller does not."""
    large, small = large.convert("L"), small.convert("L")
    share = small.width / large.width
    box = _middle(large.size)
    pixels = np.asarray(large.crop(box), np.float32)
    across, down = small.width / large.width, small.height / large.height
    seen = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    most = MOST_SHARE * share * max(_own_residue(small, share), LEAST_RESIDUE)
    size = box[2] - box[0], box[3] - box[1]
    # Of a part alone, the nearest pixels would be others.
    repeated = small.resize(large.size, Image.Resampling.NEAREST).crop(box)
    enlarged = (small.resize(size, how, box=seen) for how in ENLARGED_BY)
    return any(_residue(pixels, guess) < most for guess in itertools.chain([repeated], enlarged))


def _own_residue(small: Image.Image, share: float) -> float:
    """What the middle of a picture shows beyond itself made smaller by a share."""
    middle = small.crop(_middle(small.size))
    smaller = middle.resize((max(round(middle.width * share), 1), max(round(middle.height * share), 1)), LANCZOS)
    return _residue(np.asarray(middle, np.float32), smaller.resize(middle.size, Image.Resampling.BICUBIC))


def _middle(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Of a picture of a size, the middle that is looked at."""
    (left, right), (top, bottom) = (
        ((side - min(side, LOOKED_AT)) // 2, (side + min(side, LOOKED_AT)) // 2) for side in size
    )
    return left, top, right, bottom


def _residue(pixels: NDArray[np.float32], other: Image.Image) -> float:
    return float(np.sqrt(np.mean((pixels - np.asarray(other, np.float32)) ** 2)))


def has_fewer_colours(first: Image.Image, facts: Facts, second: Image.Image, others: Facts) -> bool:
    """Whether the first of two copies has fewer colours than the second, beyond what compression adds to a drawing."""
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
    """Pixels that have the same colour as all within two pixels, across and down."""
    flat = np.ones(pixels.shape[:2], bool)
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            flat &= (pixels == np.roll(pixels, step, axis)).all(-1)
    return flat
