"""Pictures like a query but with labels set: ranked by likeness, and by how many labels are expected to be as wished.

IcGAN changes an attribute of a face by changing y beside z and generating anew (Perarnau et al. 2016, section 3). Here
nothing is generated: directions tell from every code how probable its labels are. A picture is the farther away, the
more of the query's other labels it is expected not to share, and the less probable it has a label that is set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentsearch.attributes.directions import MISSING, Codes, Directions, Probabilities, Values, fit_directions

# Of each value of a label so many pictures are needed.
LEAST_PICTURES = 10
# A label that differs makes a picture as much farther as this share of the mean distance of two pictures.
SHARE_OF_DISTANCE = 0.5
# How many labels one that is set may count for.
WEIGHTS = tuple(2 ** (step / 8) for step in range(-24, 33))
# The share of the NEAREST that must have the label, and the share that is wished for where it costs no other label;
# measured on so many pictures among so many that the directions did not learn from.
ENOUGH, WISHED, NEAREST = 0.82, 0.92, 10
QUERIES, GALLERY, FOLDS = 300, 10_000, 4
PAIRS = 10_000


class Setting(NamedTuple):
    """A label that is set: its column, its value 0 or 1, and how many other labels it counts for."""

    label: int
    value: int
    weight: float


class EditedRanking(NamedTuple):
    """How far pictures are from queries with labels set.

    price: how much farther a label that differs makes a picture.
    """

    directions: Directions
    price: float

    def slopes(self, queries: Codes, settings: Sequence[Setting]) -> Codes:
        """By label, how many more labels are not as wished where a picture has it: (q, d) -> float32 (q, labels)."""
        return slopes(self.directions.probabilities(queries), settings)

    def distances(self, own: Codes, slopes: Codes, codes: Codes) -> Codes:
        """With labels set: of codes (n, d), this far, (q, n), from queries with these slopes: float32 (q, n)."""
        return np.asarray(own + self.price * (slopes @ self.directions.probabilities(codes).T), np.float32)


def slopes(own: Probabilities, settings: Sequence[Setting]) -> Codes:
    """The same, of queries whose labels are this probable, (q, labels)."""
    found = 1 - 2 * own
    for label, value, weight in settings:
        found[:, label] = weight * (1 - 2 * value)
    return found


def distances_between(queries: Codes, codes: Codes, distance: str) -> Codes:
    """Distances of queries (q, d) from codes (n, d), float32 (q, n); for "cosine" all have length 1."""
    if distance == "cosine":
        return np.asarray(1 - queries @ codes.T, np.float32)
    squares = (queries**2).sum(axis=1)[:, None] + (codes**2).sum(axis=1) - 2 * queries @ codes.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def settable(values: Values) -> NDArray[np.bool_]:
    """Which labels enough pictures have, and lack: values (n, labels) -> bool (labels,)."""
    counts = [np.count_nonzero(values == value, axis=0) for value in (0, 1)]
    return np.asarray(np.minimum(*counts) >= LEAST_PICTURES)


def fit_ranking(codes: Codes, values: Values, distance: str, seed: int = 0) -> tuple[EditedRanking, Codes]:
    """Learn a ranking, and what each label must count for to be set to 0 and to 1: float32 (labels, 2).

    codes (n, d) of pictures, values (n, labels) of labels that are all `settable`. What labels count for is measured on
    parts of the pictures, in their order, by directions learned from the other parts: pictures that belong together
    should lie together.
    """
    random = np.random.default_rng(seed)
    pairs = random.integers(0, len(codes), (2, PAIRS))
    if distance == "cosine":
        apart = 1 - np.vecdot(codes[pairs[0]], codes[pairs[1]])
    else:
        apart = np.linalg.norm(codes[pairs[0]] - codes[pairs[1]], axis=1)
    ranking = EditedRanking(fit_directions(codes, values), SHARE_OF_DISTANCE * float(apart.mean()))
    some = np.sort(random.permutation(len(codes))[:GALLERY])
    gallery = _Gallery(codes[some], values[some], _told_unseen(codes, values)[some], distance, ranking.price)
    weights = [[gallery.weight(label, value, random) for value in (0, 1)] for label in range(values.shape[1])]
    return ranking, np.array(weights, np.float32).reshape(-1, 2)


def _told_unseen(codes: Codes, values: Values) -> Probabilities:
    """How probable labels are by directions that did not learn from the picture: (n, labels)."""
    told = np.empty(values.shape, np.float32)
    for part in np.array_split(np.arange(len(codes)), FOLDS) if told.size else ():
        others = np.delete(np.arange(len(codes)), part)
        told[part] = fit_directions(codes[others], values[others]).probabilities(codes[part])
    return told


class _Gallery(NamedTuple):
    """Pictures among which those with a label set are looked up."""

    codes: Codes
    values: Values
    told: Probabilities
    distance: str
    price: float

    def weight(self, label: int, value: int, random: np.random.Generator) -> float:
        """The least of WEIGHTS with which enough of the nearest have the value; more where no other suffers."""
        lacking = random.permutation(np.flatnonzero(self.values[:, label] == 1 - value))[:QUERIES]
        if not len(lacking):
            return 1.0
        trials = _Trials(self, lacking, label, value)
        enough = bisect_left(WEIGHTS, True, key=lambda weight: trials.share(weight) >= ENOUGH)
        wished = bisect_left(WEIGHTS, True, lo=enough, key=lambda weight: trials.share(weight) >= WISHED)
        costly = bisect_left(WEIGHTS, True, enough, wished, key=lambda weight: trials.kept(weight) < trials.kept_before)
        return WEIGHTS[min(max(enough, costly - 1), len(WEIGHTS) - 1)]


class _Trials:
    """What comes of setting a label of some pictures, rows of the gallery, that lack its value."""

    def __init__(self, gallery: _Gallery, rows: NDArray[np.int64], label: int, value: int) -> None:
        own = distances_between(gallery.codes[rows], gallery.codes, gallery.distance)
        own[np.arange(len(rows)), rows] = np.inf
        others = slopes(gallery.told[rows], [Setting(label, value, 0)]) @ gallery.told.T
        self._base = own + gallery.price * others
        self._against = np.float32(gallery.price * (1 - 2 * value)) * gallery.told[:, label]
        self._has = gallery.values[:, label] == value
        self._others = np.delete(gallery.values, label, axis=1)
        self._rows = rows
        self._found = cache(self._find)
        self.kept_before = self._agreement(_nearest(own))

    def share(self, weight: float) -> float:
        """How many of the nearest have the value, where the label counts for so many others."""
        return float(np.mean(self._has[self._found(weight)]))

    def kept(self, weight: float) -> float:
        """How many of the other labels the pictures and their nearest have in common."""
        return self._agreement(self._found(weight))

    def _find(self, weight: float) -> NDArray[np.int64]:
        return _nearest(self._base + np.float32(weight) * self._against)

    def _agreement(self, found: NDArray[np.int64]) -> float:
        own, theirs = self._others[self._rows][:, None], self._others[found]
        known = (own != MISSING) & (theirs != MISSING)
        return float(np.mean((own == theirs)[known])) if known.any() else 0.0


def _nearest(distances: Codes) -> NDArray[np.int64]:
    count = min(NEAREST, distances.shape[1] - 1)
    return np.argpartition(distances, count - 1, axis=1)[:, :count]
