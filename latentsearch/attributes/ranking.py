"""Rank pictures by their distance from a query with labels set.

IcGAN edits a face by changing its label vector y, keeping its code z, and generating (Perarnau et al. 2016, section 3).
This ranking generates nothing. It predicts label probabilities from every code, and adds to the distance between codes
a price for every label that is expected to differ from the query's, or from the value that was set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentsearch.attributes.directions import MISSING, Codes, Directions, Probabilities, Values, fit_directions

# A label can be set if at least this many pictures have it with value 1, and as many with value 0.
LEAST_PICTURES = 10
# A differing label adds this share of the mean distance between two random pictures.
SHARE_OF_DISTANCE = 0.5
# The weights to choose from for a label that is set: it counts as much as 1/8 to 16 other labels.
WEIGHTS = tuple(2 ** (step / 8) for step in range(-24, 33))
# A weight must bring the set value to the share ENOUGH of the NEAREST results; a larger weight is preferred, unless it
# reaches WISHED or harms other labels. Both are measured with up to QUERIES queries in a gallery of up to
# GALLERY pictures, with directions fitted on the other FOLDS - 1 folds.
ENOUGH, WISHED, NEAREST = 0.82, 0.92, 10
QUERIES, GALLERY, FOLDS = 300, 10_000, 4
# The ranking makes results agree more with the query in the other labels, because it prices them. Predicted labels
# overstate this gain, since codes predict them better than annotations: it was 0.048 in 18 predicted labels, and 0.021
# in CelebA's 40, where 39 given labels gained 0.030 by both counts. So a weight harms predicted labels if less than
# this share of the gain is left. From 0 to 0.4, the same 13 of 18 settings meet the bar of the benchmark edited-search
# among 3,535 faces that were set aside for tuning.
SPARED = 0.25
# Random pairs that the mean distance is measured on.
PAIRS = 10_000


class Setting(NamedTuple):
    """A label to set: its column, its value 0 or 1, and its weight, relative to a label that is not set."""

    label: int
    value: int
    weight: float


class EditedRanking(NamedTuple):
    """Measures distances from queries with labels set.

    price: how much one differing label adds to the distance.
    """

    directions: Directions
    price: float

    def slopes(self, queries: Codes, settings: Sequence[Setting]) -> Codes:
        """Return how much each label adds to a distance, as a multiple of the price: (q, d) -> float32 (q, labels)."""
        return slopes(self.directions.probabilities(queries), settings)

    def distances(self, own: Codes, slopes: Codes, codes: Codes) -> Codes:
        """Add the cost of labels that differ to plain distances `own` (q, n) of codes (n, d): float32 (q, n)."""
        return np.asarray(own + self.price * (slopes @ self.directions.probabilities(codes).T), np.float32)


def slopes(own: Probabilities, settings: Sequence[Setting]) -> Codes:
    """Return the slopes of queries with these label probabilities, (q, labels).

    A picture that has a label with probability p and a query that has it with probability r differ with probability
    r + (1 - 2r) p, hence the slope 1 - 2r. If the label is set, r is its value, and its weight multiplies the slope.
    """
    found = 1 - 2 * own
    for label, value, weight in settings:
        found[:, label] = weight * (1 - 2 * value)
    return found


def distances_between(queries: Codes, codes: Codes, distance: str) -> Codes:
    """Return the distances of queries (q, d) from codes (n, d), float32 (q, n); "cosine" needs unit lengths."""
    if distance == "cosine":
        return np.asarray(1 - queries @ codes.T, np.float32)
    squares = (queries**2).sum(axis=1)[:, None] + (codes**2).sum(axis=1) - 2 * queries @ codes.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def settable(values: Values) -> NDArray[np.bool_]:
    """Which labels have at least LEAST_PICTURES pictures of each value: values (n, labels) -> bool (labels,)."""
    counts = [np.count_nonzero(values == value, axis=0) for value in (0, 1)]
    return np.asarray(np.minimum(*counts) >= LEAST_PICTURES)


def fit_ranking(
    codes: Codes, values: Values, distance: str, seed: int = 0, predicted: float = 0.0
) -> tuple[EditedRanking, Codes]:
    """Fit a ranking, and the weight of each label when it is set to 0 and to 1: float32 (labels, 2).

    codes: (n, d). values: (n, labels), of labels that are all `settable`. predicted: the share of the values that an
    attribute encoder predicted. Weights are measured by cross-validation over consecutive blocks of pictures, so
    pictures of one person or series should stand next to each other.
    """
    random = np.random.default_rng(seed)
    pairs = random.integers(0, len(codes), (2, PAIRS))
    if distance == "cosine":
        apart = 1 - np.vecdot(codes[pairs[0]], codes[pairs[1]])
    else:
        apart = np.linalg.norm(codes[pairs[0]] - codes[pairs[1]], axis=1)
    ranking = EditedRanking(fit_directions(codes, values), SHARE_OF_DISTANCE * float(apart.mean()))
    some = np.sort(random.permutation(len(codes))[:GALLERY])
    held_out = _held_out_probabilities(codes, values)
    gallery = _Gallery(codes[some], values[some], held_out[some], distance, ranking.price, SPARED * predicted)
    weights = [[gallery.weight(label, value, random) for value in (0, 1)] for label in range(values.shape[1])]
    return ranking, np.array(weights, np.float32).reshape(-1, 2)


def _held_out_probabilities(codes: Codes, values: Values) -> Probabilities:
    """Predict the labels of each fold by directions fitted on the other folds: (n, labels)."""
    predicted = np.empty(values.shape, np.float32)
    for part in np.array_split(np.arange(len(codes)), FOLDS) if predicted.size else ():
        others = np.delete(np.arange(len(codes)), part)
        predicted[part] = fit_directions(codes[others], values[others]).probabilities(codes[part])
    return predicted


class _Gallery(NamedTuple):
    """The pictures on which weights are measured, with their labels and the probabilities predicted from codes.

    spared: the share of the gain in other labels that a weight must leave.
    """

    codes: Codes
    values: Values
    predicted: Probabilities
    distance: str
    price: float
    spared: float

    def weight(self, label: int, value: int, random: np.random.Generator) -> float:
        """Choose the least of WEIGHTS that reaches ENOUGH, or the largest below WISHED without harm to other labels."""
        lacking = random.permutation(np.flatnonzero(self.values[:, label] == 1 - value))[:QUERIES]
        if not len(lacking):
            return 1.0
        trials = _Trials(self, lacking, label, value)
        enough = bisect_left(WEIGHTS, True, key=lambda weight: trials.share(weight) >= ENOUGH)
        wished = bisect_left(WEIGHTS, True, lo=enough, key=lambda weight: trials.share(weight) >= WISHED)
        least = trials.kept_before + self.spared * max(trials.kept(0) - trials.kept_before, 0)
        costly = bisect_left(WEIGHTS, True, enough, wished, key=lambda weight: trials.kept(weight) < least)
        return WEIGHTS[min(max(enough, costly - 1), len(WEIGHTS) - 1)]


class _Trials:
    """Searches with one label set, for queries (rows of the gallery) that lack its value, at any weight."""

    def __init__(self, gallery: _Gallery, rows: NDArray[np.int64], label: int, value: int) -> None:
        own = distances_between(gallery.codes[rows], gallery.codes, gallery.distance)
        own[np.arange(len(rows)), rows] = np.inf
        others = slopes(gallery.predicted[rows], [Setting(label, value, 0)]) @ gallery.predicted.T
        self._base = own + gallery.price * others
        self._against = np.float32(gallery.price * (1 - 2 * value)) * gallery.predicted[:, label]
        self._has = gallery.values[:, label] == value
        self._others = np.delete(gallery.values, label, axis=1)
        self._rows = rows
        self._found = cache(self._find)
        self.kept_before = self._agreement(_nearest(own))

    def share(self, weight: float) -> float:
        """Return the share of the nearest pictures that have the value set, at this weight."""
        return float(np.mean(self._has[self._found(weight)]))

    def kept(self, weight: float) -> float:
        """Return the share of other labels in which queries and their nearest pictures agree, at this weight."""
        return self._agreement(self._found(weight))

    def _find(self, weight: float) -> NDArray[np.int64]:
        return _nearest(self._base + np.float32(weight) * self._against)

    def _agreement(self, found: NDArray[np.int64]) -> float:
        own, theirs = self._others[self._rows][:, None], self._others[found]
        known = (own != MISSING) & (theirs != MISSING)
        return float(np.mean((own == theirs)[known])) if known.any() else 0.0


def _nearest(distances: Codes) -> NDArray[np.int64]:
    count = min(NEAREST, distances.shape[1] - 1)
    # A copy: a view would keep the order of all pictures in memory, 24 MB for each weight that is tried.
    return np.argpartition(distances, count - 1, axis=1)[:, :count].copy()
