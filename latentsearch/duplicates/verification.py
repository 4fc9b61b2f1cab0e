"""Verify candidate pairs by aligning their decoded pictures in grey and comparing details."""

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

# Steps of alignment.
STEPS = 3
# Pairs whose likeness at half size is below this before alignment are dropped. No copy planted in CelebA is.
LEAST_AT_FIRST = 0.3
# Pairs in one batch.
AT_ONCE = 200


def verified(pairs: Pairs, pictures: GreyPictures, report: Report | None = None) -> Pairs:
    """Keep the pairs that show the same picture, with the likeness of their details.

    pictures: the grey pictures, alignment.SIDE pixels square, by the rows of `pairs`.
    """
    return pairs.sifted(partial(_verified, pictures), AT_ONCE, report)


def compared(
    pictures: NDArray[np.int64],
    references: NDArray[np.int64],
    fingerprints: NDArray[np.uint8],
    decoded: GreyPictures,
) -> Pairs:
    """Align and verify pairs of rows, int64 (n,) each, that no look-up found: by fingerprint, then by picture."""
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
    # Rows, then columns: a mean over two axes of a reshaped array takes ten times as long.
    rows = pictures[:, ::2] + pictures[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, np.float32)
