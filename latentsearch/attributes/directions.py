"""Predict how probable each label is from a code, by logistic regression along directions in code space.

All labels are fitted at once in two stages. The second stage sees the code and the first stage's predictions of all
labels, because labels depend on one another: a face with a beard rarely wears lipstick. Each step minimises a quadratic
bound on the loss (Böhning and Lindsay 1988, Monotonicity of Quadratic-Approximation Algorithms), so one factorisation
serves all labels and steps; Nesterov's momentum speeds up convergence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.float32]
# Label values 1, 0 or MISSING: int8 (n, labels).
Values = NDArray[np.int8]
# Label probabilities from 0 to 1: float32 (n, labels).
Probabilities = NDArray[np.float32]
MISSING = -1
# The prior variance over pictures of a label's log odds; it sets the strength of the regularisation.
PRIOR_VARIANCE = 3.0
# More steps change no probability by 0.001 or more.
STEPS = 30
# Log odds are clipped to this size: exp(30) is far from overflow in float32, and the label is certain.
LARGEST_ODDS = 30.0


class Directions(NamedTuple):
    """The weights of a two-stage logistic regression from codes (n, d) to labels.

    mean: the mean code, float32 (d,). spread: the root mean square of all components of the centred codes.
    first: float32 (d + 1, labels), the weights of the code; the last row is the bias.
    second: float32 (d + labels + 1, labels), the weights of the code and the first stage's predictions, and the bias.
    """

    mean: Codes
    spread: float
    first: Codes
    second: Codes

    def probabilities(self, codes: Codes) -> Probabilities:
        """Predict the probability of each label from codes (n, d): float32 (n, labels)."""
        x = (codes - self.mean) / np.float32(self.spread)
        return _predicted(_with_predicted(x, self.first), self.second)


def fit_directions(codes: Codes, values: Values) -> Directions:
    """Fit the regression to codes (n, d) and label values (n, labels), which may be MISSING."""
    mean = codes.mean(axis=0)
    spread = max(float(np.sqrt(np.mean((codes - mean) ** 2))), 1e-12)
    x = (codes - mean) / np.float32(spread)
    penalty = codes.shape[1] / PRIOR_VARIANCE
    first = _fit(x, values, penalty)
    return Directions(mean, spread, first, _fit(_with_predicted(x, first), values, penalty))


def _fit(x: Codes, values: Values, penalty: float) -> Codes:
    """Fit a logistic regression for every label: float32 (d + 1, labels); the last row is the bias."""
    x = _with_ones(x)
    known = values != MISSING
    penalties = np.full((x.shape[1], 1), penalty, np.float32)
    penalties[-1] = 1e-3  # hardly penalise the bias: a label may be rare
    inverse = np.linalg.inv(x.T @ x / 4 + np.diag(penalties[:, 0])).astype(np.float32)
    weights = before = np.zeros((x.shape[1], values.shape[1]), np.float32)
    for step in range(STEPS):
        ahead = weights + np.float32(step / (step + 3)) * (weights - before)
        wrong = np.where(known, _probability(x @ ahead) - values, np.float32(0))
        before, weights = weights, ahead - inverse @ (x.T @ wrong + penalties * ahead)
    return weights


def _with_predicted(x: Codes, weights: Codes) -> Codes:
    """Append the predictions of these weights to the codes, scaled from 0..1 to -1..1: float32 (n, d + labels)."""
    return np.concatenate([x, 2 * _predicted(x, weights) - 1], axis=1)


def _predicted(x: Codes, weights: Codes) -> Probabilities:
    return _probability(x @ weights[:-1] + weights[-1])


def _with_ones(x: Codes) -> Codes:
    return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)


def _probability(odds: Codes) -> Probabilities:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -LARGEST_ODDS, LARGEST_ODDS))), np.float32)
