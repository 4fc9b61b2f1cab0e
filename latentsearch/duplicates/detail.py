"""What pixels really hold: whether a picture was enlarged, and whether it has fewer colours than a copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decode import over_white
from latentsearch.duplicates.facts import MANY, Facts

RESAMPLING = Image.Resampling
ENLARGED_BY = (RESAMPLING.BICUBIC, RESAMPLING.LANCZOS, RESAMPLING.BILINEAR, RESAMPLING.NEAREST)
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


def is_enlarged(large: Image.Image, small: Image.Image) -> bool:
    """Whether the larger of two copies shows nothing that the smaller does not."""
    large, small = _middles(large.convert("L"), small.convert("L"))
    size = large.size
    pixels = np.asarray(large, np.float32)
    share = small.width / large.width
    smaller_size = max(round(small.width * share), 1), max(round(small.height * share), 1)
    smaller = small.resize(smaller_size, RESAMPLING.LANCZOS)
    own = _residue(np.asarray(small, np.float32), smaller.resize(small.size, RESAMPLING.BICUBIC))
    most = MOST_SHARE * share * max(own, LEAST_RESIDUE)
    return any(_residue(pixels, small.resize(size, how)) < most for how in ENLARGED_BY)


def _middles(large: Image.Image, small: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The middle of both, of the same part: all of it where that is not too large."""
    part = min(1.0, LOOKED_AT / max(large.size))
    if part == 1:
        return large, small
    width, height = max(round(small.width * part), 1), max(round(small.height * part), 1)
    left, top = (small.width - width) // 2, (small.height - height) // 2
    across, down = large.width / small.width, large.height / small.height
    box = (left * across, top * down, (left + width) * across, (top + height) * down)
    size = (max(round(width * across), 1), max(round(height * down), 1))
    return large.resize(size, RESAMPLING.BICUBIC, box=box), small.crop((left, top, left + width, top + height))


def _residue(pixels: NDArray[np.float32], other: Image.Image) -> float:
    return float(np.sqrt(np.mean((pixels - np.asarray(other, np.float32)) ** 2)))


def has_fewer_colours(first: Image.Image, facts: Facts, second: Image.Image, others: Facts) -> bool:
    """Whether the first of two copies has fewer colours than the second, beyond what compression adds to a drawing."""
    if facts.colours >= FEWER * others.colours:
        return False
    if others.colours < MANY and first.size == second.size:
        return True
    first, second = over_white(first), over_white(second)
    if second.size != first.size:
        second = second.resize(first.size, RESAMPLING.LANCZOS)
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
