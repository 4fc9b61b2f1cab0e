"""What labels look like in codes: directions along which a code tells how probable each label is.

Logistic regression of all labels at once, and then once more from the code and from what was told of all labels, since
one label bears on another: whoever has a beard hardly wears lipstick, whatever else the code says. The steps are those
that a bound on the curvature makes safe (Böhning and Lindsay 1988, Monotonicity of Quadratic-Approximation Algorithms),
so that one factorisation serves all labels and steps, with Nesterov's momentum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.float32]
# 1, 0, or MISSING: int8 (n, labels).
Values = NDArray[np.int8]
# Of labels: float32 (n, labels), 0 to 1.
Probabilities = NDArray[np.float32]
MISSING = -1
# Before anything is seen, the logarithm of a label's odds is expected to vary by this much over pictures.
PRIOR_VARIANCE = 3.0
# Enough for probabilities that more steps change by less than 0.001.
STEPS = 30
# Beyond this, exp leaves float32, and a label is certain.
LARGEST_ODDS = 30.0


class Directions(NamedTuple):
    """How labels are told from codes (n, d).

    mean: of codes, float32 (d,). spread: root mean square of a number of a code less its mean. first: float32 (d + 1,
    labels), from codes to labels, the last row being constant; second: float32 (d + labels + 1, labels), from codes and
    what the first told.
    """

    mean: Codes
    spread: float
    first: Codes
    second: Codes

    def probabilities(self, codes: Codes) -> Probabilities:
        """How probable each label is: codes (n, d) -> float32 (n, labels)."""
        x = (codes - self.mean) / np.float32(self.spread)
        return _told(_with_told(x, self.first), self.second)


def fit_directions(codes: Codes, values: Values) -> Directions:
    """Learn to tell labels from codes (n, d) of pictures, values (n, labels) of which some may be MISSING."""
    mean = codes.mean(axis=0)
    spread = max(float(np.sqrt(np.mean((codes - mean) ** 2))), 1e-12)
    x = (codes - mean) / np.float32(spread)
    penalty = codes.shape[1] / PRIOR_VARIANCE
    first = _fit(x, values, penalty)
    return Directions(mean, spread, first, _fit(_with_told(x, first), values, penalty))


def _fit(x: Codes, values: Values, penalty: float) -> Codes:
    """Weights of a logistic regression, float32 (d + 1, labels), the last row being constant."""
    x = _with_ones(x)
    known = values != MISSING
    penalties = np.full((x.shape[1], 1), penalty, np.float32)
    penalties[-1] = 1e-3  # a label may be as rare as it likes
    inverse = np.linalg.inv(x.T @ x / 4 + np.diag(penalties[:, 0])).astype(np.float32)
    weights = before = np.zeros((x.shape[1], values.shape[1]), np.float32)
    for step in range(STEPS):
        ahead = weights + np.float32(step / (step + 3)) * (weights - before)
        wrong = np.where(known, _probability(x @ ahead) - values, np.float32(0))
        before, weights = weights, ahead - inverse @ (x.T @ wrong + penalties * ahead)
    return weights


def _with_told(x: Codes, weights: Codes) -> Codes:
    """Codes with what these weights tell of them beside, -1 for surely not to 1 for surely: float32 (n, d + labels)."""
    return np.concatenate([x, 2 * _told(x, weights) - 1], axis=1)


def _told(x: Codes, weights: Codes) -> Probabilities:
    return _probability(x @ weights[:-1] + weights[-1])


def _with_ones(x: Codes) -> Codes:
    return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)


def _probability(odds: Codes) -> Probabilities:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -LARGEST_ODDS, LARGEST_ODDS))), np.float32)
