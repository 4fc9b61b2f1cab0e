"""What labels look like in codes: a direction for each, along which a code tells how probable the label is.

Logistic regression of all labels at once, by steps that a bound on the curvature makes safe (Böhning and Lindsay 1988,
Monotonicity of Quadratic-Approximation Algorithms), so that one factorisation serves all labels and steps.
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
    """How labels are told from codes: weights float32 (d, labels), biases float32 (labels,)."""

    weights: Codes
    biases: Codes

    def probabilities(self, codes: Codes) -> Probabilities:
        """How probable each label is: codes (n, d) -> float32 (n, labels)."""
        return _probability(codes @ self.weights + self.biases)


def fit_directions(codes: Codes, values: Values) -> Directions:
    """Learn to tell labels from codes (n, d) of pictures, values (n, labels) of which some may be MISSING."""
    mean = codes.mean(axis=0)
    spread = max(float(np.sqrt(np.mean((codes - mean) ** 2))), 1e-12)
    x = np.concatenate([(codes - mean) / spread, np.ones((len(codes), 1), np.float32)], axis=1)
    known = values != MISSING
    penalty = np.full((x.shape[1], 1), codes.shape[1] / PRIOR_VARIANCE, np.float32)
    penalty[-1] = 1e-3  # a label may be as rare as it likes
    inverse = np.linalg.inv(x.T @ x / 4 + np.diag(penalty[:, 0])).astype(np.float32)
    weights = before = np.zeros((x.shape[1], values.shape[1]), np.float32)
    for step in range(STEPS):
        ahead = weights + step / (step + 3) * (weights - before)
        wrong = np.where(known, _probability(x @ ahead) - values, 0).astype(np.float32)
        before, weights = weights, ahead - inverse @ (x.T @ wrong + penalty * ahead)
    directions = weights[:-1] / spread
    return Directions(directions.astype(np.float32), (weights[-1] - mean @ directions).astype(np.float32))


def _probability(odds: Codes) -> Probabilities:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -LARGEST_ODDS, LARGEST_ODDS))), np.float32)
