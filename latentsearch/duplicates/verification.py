"""Candidates -> the pairs that show the same picture, by laying the decoded pictures over one another, in grey."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from indexer.progress import Report
from latentsearch.duplicates.candidates import laid_over
from latentsearch.duplicates.compare.alignment import (
    LEAST_FIELD,
    LEAST_LIKENESS,
    Array,
    align,
    least_field,
    likeness,
)
from latentsearch.duplicates.compare.turns import turned
from latentsearch.duplicates.grey_pictures import GreyPictures
from latentsearch.duplicates.pairs import Pairs

STEPS = 3
# Details of a pair that is less alike than this before it is laid over one another are those of two pictures: of
# CelebA's planted copies none is.
LEAST_AT_FIRST = 0.3
AT_ONCE = 200


def verified(pairs: Pairs, pictures: GreyPictures, report: Report | None = None) -> Pairs:
    """Those of the pairs that show the same picture, with the likeness of their details.

    pictures: the whole of each, in grey, of that SIDE, as `pairs` count them.
    """
    return pairs.sifted(partial(_verified, pictures), AT_ONCE, report)


def compared(
    pictures: NDArray[np.int64],
    references: NDArray[np.int64],
    fingerprints: NDArray[np.uint8],
    decoded: GreyPictures,
) -> Pairs:
    """The same for pairs of rows, int64 (n,) each, that no search has found: candidates first, then verified."""
    return verified(laid_over(fingerprints, Pairs.unknown(pictures, references)).best(), decoded)


def _verified(pictures: GreyPictures, part: Pairs) -> Pairs:
    seen, references = _both(part, pictures)
    halves = _halved(references), _halved(seen)
    near = likeness(*halves, part.windows) >= LEAST_AT_FIRST
    if not near.any():
        return Pairs.none()
    part, seen, references = part[near], seen[near], references[near]
    reference_halves, seen_halves = (half[near] for half in halves)
    windows, _ = align(reference_halves, seen_halves, part.windows, STEPS)
    del halves, reference_halves, seen_halves
    alike = likeness(references, seen, windows)
    aligned = Pairs(part.pictures, part.references, part.turns, windows, alike)
    passed = np.nonzero(alike >= LEAST_LIKENESS)[0]
    fields = least_field(references[passed], seen[passed], windows[passed])
    return aligned[passed[fields >= LEAST_FIELD]]


def _both(part: Pairs, pictures: GreyPictures) -> tuple[Array, Array]:
    return turned(pictures.read(part.pictures), part.turns), pictures.read(part.references).astype(np.float32)


def _halved(pictures: Array) -> Array:
    # Row by row, then column by column: a mean over two axes of a reshaped array takes ten times as long.
    rows = pictures[:, ::2] + pictures[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, np.float32)
