"""Candidates -> the pairs that show the same picture, by laying the decoded pictures over one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentsearch.alignment import WHOLE, Array, align, least_field, likeness, through
from latentsearch.candidates import Report, laid_over, turned
from latentsearch.pairs import Pairs

SIDE = 64
STEPS = 3
# Of pairs of CelebA's faces, none that shows two photographs comes above 0.73, and no altered copy below 0.85:
# docs/decisions.md.
LEAST_LIKENESS, LEAST_FIELD = 0.85, 0.25
# What a re-encoding or resizing may change: edges of the window, mean grey value, and contrast.
EDGE, MEAN, CONTRAST = 0.02, 4.0, 0.06
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


def changes(pairs: Pairs, pictures: NDArray[np.uint8]) -> list[tuple[str, ...]]:
    """What tells the two of each pair apart beside size and encoding: of "mirrored", "cropped", "brightness"."""
    found: list[tuple[str, ...]] = []
    for part in pairs.parts(AT_ONCE):
        is_cropped = np.abs(part.windows - WHOLE).max(axis=1, initial=0) > EDGE
        is_brighter = _differs_in_brightness(part, pictures)
        for told in zip(part.mirrored, is_cropped, is_brighter, strict=True):
            found.append(
                tuple(word for word, holds in zip(("mirrored", "cropped", "brightness"), told, strict=True) if holds)
            )
    return found


def _verified(part: Pairs, pictures: NDArray[np.uint8]) -> Pairs:
    seen, references = _both(part, pictures)
    windows, _ = align(_halved(references), _halved(seen), part.windows, STEPS)
    alike = likeness(references, seen, windows)
    aligned = Pairs(part.pictures, part.references, part.mirrored, windows, alike)
    passed = np.nonzero(alike >= LEAST_LIKENESS)[0]
    fields = least_field(references[passed], seen[passed], windows[passed])
    return aligned[passed[fields >= LEAST_FIELD]]


def _differs_in_brightness(part: Pairs, pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    first, references = _both(part, pictures)
    seen, inside = through(first, part.windows)
    counted = np.maximum(inside.sum((1, 2)), 1)
    means = [(inside * shown).sum((1, 2)) / counted for shown in (seen, references)]
    spreads = [
        np.sqrt((inside * (shown - mean[:, None, None]) ** 2).sum((1, 2)) / counted)
        for shown, mean in zip((seen, references), means, strict=True)
    ]
    ratio = np.abs(np.log(np.maximum(spreads[0], 1e-3) / np.maximum(spreads[1], 1e-3)))
    return np.asarray((np.abs(means[0] - means[1]) > MEAN) | (ratio > CONTRAST))


def _both(part: Pairs, pictures: NDArray[np.uint8]) -> tuple[Array, Array]:
    return turned(pictures[part.pictures], part.mirrored), pictures[part.references].astype(np.float32)


def _halved(pictures: Array) -> Array:
    side = pictures.shape[-1] // 2
    return np.asarray(pictures.reshape(-1, side, 2, side, 2).mean((2, 4)), np.float32)
