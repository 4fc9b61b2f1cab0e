"""Find pairs of pictures that may be copies by their fingerprints, without comparing every pair.

The low frequencies of each fingerprint form a short vector. For each picture, the vectors of the whole, turned and
mirrored, and of five crops are looked up among the vectors of all pictures. The nearest ones are aligned and compared.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.fingerprint import SIDE
from indexer.progress import Report
from indexer.vectors.exact import import_faiss
from latentsearch.duplicates.compare.alignment import WHOLE, Array, align, correlation, sampling, through
from latentsearch.duplicates.compare.turns import turned, turned_alike
from latentsearch.duplicates.pairs import Pairs

# Frequencies per axis, and the size of a vector: all but the mean.
FREQUENCIES = 8
SIZE = FREQUENCIES**2 - 1
# The share of width and height that the looked-up crops keep. Crops between this and the whole are found as well.
CROP = 0.92
# The number of nearest vectors that one look-up returns.
NEIGHBOURS = 5
# The least cosine of two vectors, and the least correlation of two aligned fingerprints, of a pair of candidates. Faces
# are the hardest case, because all are alike: `python -m benchmarks duplicates` measures how many copies are missed.
LEAST_COSINE, LEAST_CORRELATION = 0.85, 0.92
# Alignment raises the correlation by no more than this, so pairs that would need more are dropped before alignment.
MOST_GAINED = 0.3
# Steps of alignment.
STEPS = 2
# From this many vectors on, an inverted file is faster than comparing all of them.
LARGE = 20_000
# Lists of the inverted file that a look-up searches, and vectors per list to train it on.
LISTS_PROBED, POINTS_A_LIST = 16, 64
# Unlike a crop, a turned copy has almost the same vector as the original, so fewer lists suffice.
LISTS_PROBED_TURNED = 6
# Batch sizes.
PICTURES_AT_ONCE, PAIRS_AT_ONCE = 32_768, 500


class Look(NamedTuple):
    """One way to look a picture up: turned (see latentsearch.duplicates.compare.turns), through a window."""

    turn: int
    window: Array


def candidates(fingerprints: NDArray[np.uint8], report: Report | None = None) -> Pairs:
    """Find the pairs among fingerprints, uint8 (n, SIDE, SIDE), that look like copies; each pair once.

    Takes 252 bytes of memory per picture and about 100 MB, besides the fingerprints. Raises MissingExtra without FAISS.
    """
    return _found(fingerprints, _searchable(fingerprints), 0, _looks(), report)


def candidates_by_view(fingerprints: NDArray[np.uint8], views: NDArray[np.uint8], owners: NDArray[np.int64]) -> Pairs:
    """Find the pairs of pictures, each once, in which one looks like a further view of the other.

    views: uint8 (m, SIDE, SIDE), the fingerprints of transparent pictures over black, and of frames after the first.
    owners: the row of each view's picture, int64 (m,). Raises MissingExtra without FAISS.
    """
    if not len(views):
        return Pairs.none()
    count = len(fingerprints)
    everything = np.concatenate([fingerprints, views])
    rows = np.concatenate([np.arange(count), owners])
    found = _found(everything, _searchable(views), count, _looks(), None)
    found = Pairs(rows[found.pictures], rows[found.references], found.turns, found.windows, found.likeness)
    return found[found.pictures != found.references].best()


def laid_over(fingerprints: NDArray[np.uint8], pairs: Pairs) -> Pairs:
    """Align the fingerprints of each pair, and keep the pairs that correlate by LEAST_CORRELATION or more."""
    return pairs.sifted(partial(_laid_over, fingerprints), PAIRS_AT_ONCE)


def _laid_over(fingerprints: NDArray[np.uint8], part: Pairs) -> Pairs:
    pictures = turned(fingerprints[part.pictures], part.turns)
    references = fingerprints[part.references].astype(np.float32)
    seen, inside = through(pictures, part.windows)
    near = correlation(references, seen, inside) >= LEAST_CORRELATION - MOST_GAINED
    if not near.any():
        return Pairs.none()
    part, pictures, references = part[near], pictures[near], references[near]
    windows, likeness = align(references, pictures, part.windows, STEPS)
    aligned = Pairs(part.pictures, part.references, part.turns, windows, likeness)
    return aligned[likeness >= LEAST_CORRELATION]


def _found(
    fingerprints: NDArray[np.uint8], searched: Any, first: int, looks: list[Look], report: Report | None
) -> Pairs:
    """Pair all fingerprints with the searchable ones, which are the rows from `first` on."""
    found = [Pairs.none()]
    for start in range(0, len(fingerprints), PICTURES_AT_ONCE):
        rows = np.arange(start, min(start + PICTURES_AT_ONCE, len(fingerprints)))
        near = Pairs.joined([_near(searched, first, fingerprints, rows, look) for look in looks])
        found.append(laid_over(fingerprints, near.best()))
        if report:
            report(int(rows[-1]) + 1, len(fingerprints))
    return Pairs.joined(found).best()


def _looks() -> list[Look]:
    """Return the looks at each picture: the whole in seven turns, and crops of the middle and of the four corners.

    Turn 3, 270° clockwise, is left out: the other picture of such a pair finds this one by turn 1.
    """
    low, high, inset = (0, CROP), (1 - CROP, 1), ((1 - CROP) / 2, (1 + CROP) / 2)
    crops = [(*inset, *inset), *((*across, *down) for across in (low, high) for down in (low, high))]
    wholes = [Look(turn, WHOLE) for turn in (0, 1, 2, 4, 5, 6, 7)]
    return [*wholes, *(Look(0, np.array(crop, np.float32)) for crop in crops)]


def _searchable(fingerprints: NDArray[np.uint8]) -> Any:
    """Build a FAISS index over the vectors of all fingerprints."""
    faiss = import_faiss()
    index: Any = faiss.IndexFlatIP(SIZE)
    if len(fingerprints) >= LARGE:
        lists = 2 ** round(np.log2(4 * len(fingerprints) ** 0.5))
        quantizer = index
        index = faiss.IndexIVFFlat(quantizer, SIZE, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.max_points_per_centroid = POINTS_A_LIST
        index.train(_vectors(_sample(fingerprints, lists * POINTS_A_LIST), Look(0, WHOLE)))
    for start in range(0, len(fingerprints), PICTURES_AT_ONCE):
        index.add(_vectors(fingerprints[start : start + PICTURES_AT_ONCE], Look(0, WHOLE)))
    return index


def _sample(fingerprints: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    if count >= len(fingerprints):
        return fingerprints
    return fingerprints[np.sort(np.random.default_rng(0).choice(len(fingerprints), count, replace=False))]


def _near(searched: Any, first: int, fingerprints: NDArray[np.uint8], rows: NDArray[np.int64], look: Look) -> Pairs:
    """Pair these rows, under one look, with the nearest searchable vectors."""
    if hasattr(searched, "nprobe"):
        searched.nprobe = LISTS_PROBED_TURNED if look.turn else LISTS_PROBED
    cosines, found = searched.search(_vectors(fingerprints[rows], look), NEIGHBOURS + 1)
    is_near = (cosines >= LEAST_COSINE) & (found + first != rows[:, None]) & (found >= 0)
    query, column = np.nonzero(is_near)
    return Pairs(
        rows[query],
        found[query, column].astype(np.int64) + first,
        np.full(len(query), look.turn, np.int8),
        np.tile(look.window, (len(query), 1)),
        cosines[query, column],
    )


def _vectors(fingerprints: NDArray[np.uint8], look: Look) -> Array:
    """Return the low frequencies of fingerprints under a look, as unit vectors: float32 (n, SIZE).

    The mean is left out, so brightness and contrast do not count. Frequency f is weighted by sqrt(f), because pictures
    contain less of higher frequencies.
    """
    pictures = turned_alike(fingerprints, look.turn)
    across, down = (_cosines(*look.window[edges]) for edges in (slice(0, 2), slice(2, 4)))
    frequencies = down @ pictures.astype(np.float32) @ across.T
    number = np.arange(FREQUENCIES)
    weighed = frequencies * np.hypot.outer(number, number).astype(np.float32) ** 0.5
    vectors = weighed.reshape(len(pictures), -1)[:, 1:]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-6), np.float32)


def _cosines(first: float, last: float) -> Array:
    """Return the discrete cosine transform of the range from first to last, shares of a side: (FREQUENCIES, SIDE)."""
    edges = np.array([[first], [last]], np.float32)
    matrices, _ = sampling(edges[0], edges[1], SIDE)
    angles = np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5) * np.pi / SIDE
    scale = np.full((FREQUENCIES, 1), np.sqrt(2 / SIDE))
    scale[0] = np.sqrt(1 / SIDE)
    return np.asarray(scale * np.cos(angles) @ matrices[0], np.float32)
