"""Whitening: rotate codes to the principal axes of their covariance and divide each axis by a power of its variance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
# An axis with less than this share of the greatest variance contains only rounding errors.
LEAST_VARIANCE = 1e-6


class PrincipalAxes(NamedTuple):
    """The principal axes of a covariance matrix.

    variances: variance along each axis, ascending, float64 (d,). axes: unit vectors as columns, (d, d).
    """

    variances: NDArray[np.float64]
    axes: Matrix

    @classmethod
    def of(cls, covariance: Matrix) -> PrincipalAxes:
        """Compute the principal axes of a positive semi-definite matrix (d, d)."""
        variances, axes = np.linalg.eigh(covariance)
        return cls(variances, axes)

    def varying(self, least: float) -> NDArray[np.bool_]:
        """Mark the axes with more than the share `least` of the greatest variance: bool (d,)."""
        return np.asarray(self.variances > least * self.variances.max())

    def whitening(self, power: float = 0.5, least: float = LEAST_VARIANCE) -> Matrix:
        """Return the axes divided by their variances to this power, (d, d).

        Axes with at most the share `least` of the greatest variance are zero, as dividing would amplify noise.
        """
        varying = self.varying(least)
        return self.axes * np.where(varying, np.where(varying, self.variances, 1) ** -power, 0)

    def matrix_power(self, exponent: float, least: float = LEAST_VARIANCE) -> Matrix:
        """Return the covariance to a power, (d, d).

        Variances below the share `least` of the greatest are raised to that share first.
        """
        raised = np.maximum(self.variances, least * self.variances.max()) ** exponent
        return np.asarray(self.axes * raised @ self.axes.T)


def whitening(
    codes: NDArray[Any], size: int | None = None, power: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a mean (d,) and a matrix (d, size) such that (codes - mean) @ matrix has unit covariance.

    Directions with almost no variance become zero, as dividing would amplify noise. size: number of leading principal
    axes to keep; by default, or if it is at least d, all axes are kept and rotated back to the codes' own dimensions.
    power: each axis is divided by its variance to this power; below 1/2, axes with more variance keep more weight.
    """
    mean = codes.mean(0, dtype=np.float64)
    principal = PrincipalAxes.of(np.cov(codes - mean, rowvar=False))
    whitened = principal.whitening(power)
    if size is not None and size < len(whitened):
        return mean, whitened[:, -size:]
    return mean, whitened @ principal.axes.T
