"""Which directions of a feature space are kept: those in which pictures differ and altered copies of one do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Below this share of the liveliest direction's variance, a direction is rounding.
LEAST_VARIANCE = 1e-7

Matrix = NDArray[np.float64]


class Moments:
    """Mean and covariance of rows that come batch by batch, and of their differences from altered copies.

    The sums are of the size of the covariance, however many rows there are.
    """

    def __init__(self) -> None:
        self.count = 0

    def add(self, rows: NDArray[np.float32], altered: NDArray[np.float32] | None = None) -> None:
        """Take in rows (n, d), and the same rows of their pictures' altered copies."""
        if not self.count:
            # About a first guess of the mean: sums of squares far from it would lose digits.
            self._origin = rows.mean(0, dtype=np.float64).astype(np.float32)
            self._sum = np.zeros(rows.shape[1])
            self._squares = np.zeros((rows.shape[1], rows.shape[1]))
            self._changes = np.zeros((0, 0) if altered is None else self._squares.shape)
        self.count += len(rows)
        centred = rows - self._origin
        self._sum += centred.sum(0, dtype=np.float64)
        self._squares += centred.T @ centred
        if altered is not None:
            difference = rows - altered
            self._changes += difference.T @ difference

    @property
    def mean(self) -> NDArray[np.float64]:
        """(d,)."""
        return np.asarray(self._origin + self._sum / self.count)

    @property
    def covariance(self) -> Matrix:
        """Of the rows: (d, d)."""
        mean = self._sum / self.count
        return self._squares / self.count - np.outer(mean, mean)

    @property
    def change(self) -> Matrix:
        """Half the mean outer product of the differences between rows and their altered copies: (d, d)."""
        return np.asarray(self._changes / (2 * self.count))


def directions(total: Matrix, within: Matrix, count: int, share: float) -> Matrix:
    """The leading generalised eigenvectors of (total, within + share total), scaled by that metric: (d, at most count).

    Fisher's linear discriminants ("The use of multiple measurements in taxonomic problems", 1936) with a class for each
    picture, of its altered copies; and IVE-GAN's invariance, made linear. Without any variance there is no direction.
    """
    metric = within + share * total
    values, vectors = np.linalg.eigh((metric + metric.T) / 2)
    lively = values > LEAST_VARIANCE * max(values[-1], 0)
    whiten = vectors[:, lively] / np.sqrt(values[lively])
    seen, axes = np.linalg.eigh(whiten.T @ total @ whiten)
    chosen = np.argsort(-seen, kind="stable")[:count]
    chosen = chosen[seen[chosen] > LEAST_VARIANCE / share]
    return np.asarray(whiten @ axes[:, chosen])


def principal_axes(covariance: Matrix, count: int, power: float = 0.0) -> Matrix:
    """The axes of most variance, each divided by its standard deviation to this power: (d, at most count)."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    chosen = np.argsort(-values, kind="stable")[:count]
    chosen = chosen[values[chosen] > LEAST_VARIANCE * max(values[-1], 1e-30)]
    return np.asarray(vectors[:, chosen] * values[chosen] ** (-power / 2))
