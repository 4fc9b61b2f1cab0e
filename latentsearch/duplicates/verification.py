"""Candidates -> the pairs that show the same picture, by laying the decoded pictures over one another, in grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentsearch.duplicates.alignment import Array, align, least_field, likeness
from latentsearch.duplicates.candidates import Report, laid_over
from latentsearch.duplicates.pairs import Pairs, turned

SIDE = 64
STEPS = 3
# Of pairs of CelebA's faces, none that shows two photographs comes above 0.73, and no altered copy below 0.85:
# docs/decisions.md.
LEAST_LIKENESS, LEAST_FIELD = 0.85, 0.25
# Details of a pair that is less alike than this before it is laid over one another are those of two pictures: of
# CelebA's planted copies none is.
LEAST_AT_FIRST = 0.3
AT_ONCE = 500


def verified(pairs: Pairs, pictures: NDArray[np.uint8], report: Report | None = None) -> Pairs:
    """Those of the pairs that show the same picture, with the likeness of their details.

    pictures: the whole of each, grey, uint8 (n, SIDE, SIDE), as `pairs` count them.
    """
    found = [Pairs.none()]
    for number, part in enumerate(pairs.parts(AT_ONCE)):
        found.append(_verified(part, pictures))
        if report:
            report(min((number + 1) * AT_ONCE, len(pairs)), len(pairs))
    return Pairs.joined(found)


def compared(
    pictures: NDArray[np.int64],
    references: NDArray[np.int64],
    fingerprints: NDArray[np.uint8],
    decoded: NDArray[np.uint8],
) -> Pairs:
    """The same for pairs of rows, int64 (n,) each, that no search has found: candidates first, then verified."""
    return verified(laid_over(fingerprints, Pairs.unknown(pictures, references)).best(), decoded)


def _verified(part: Pairs, pictures: NDArray[np.uint8]) -> Pairs:
    seen, references = _both(part, pictures)
    halves = _halved(references), _halved(seen)
    near = likeness(*halves, part.windows) >= LEAST_AT_FIRST
    if not near.any():
        return Pairs.none()
    part, seen, references = part[near], seen[near], references[near]
    windows, _ = align(halves[0][near], halves[1][near], part.windows, STEPS)
    alike = likeness(references, seen, windows)
    aligned = Pairs(part.pictures, part.references, part.turns, windows, alike)
    passed = np.nonzero(alike >= LEAST_LIKENESS)[0]
    fields = least_field(references[passed], seen[passed], windows[passed])
    return aligned[passed[fields >= LEAST_FIELD]]


def _both(part: Pairs, pictures: NDArray[np.uint8]) -> tuple[Array, Array]:
    return turned(pictures[part.pictures], part.turns), pictures[part.references].astype(np.float32)


def _halved(pictures: Array) -> Array:
    side = pictures.shape[-1] // 2
    return np.asarray(pictures.reshape(-1, side, 2, side, 2).mean((2, 4)), np.float32)
