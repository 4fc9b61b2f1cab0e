"""Whitening: codes along the principal axes of their covariance, each divided by a power of its variance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
# Below this share of the greatest variance, an axis of codes holds rounding errors alone.
LEAST_VARIANCE = 1e-6


class PrincipalAxes(NamedTuple):
    """variances: of each axis, ascending, float64 (d,). axes: unit vectors as columns, (d, d)."""

    variances: NDArray[np.float64]
    axes: Matrix

    @classmethod
    def of(cls, covariance: Matrix) -> PrincipalAxes:
        """Those of a symmetric matrix (d, d) without negative eigenvalues."""
        variances, axes = np.linalg.eigh(covariance)
        return cls(variances, axes)

    def varying(self, least: float) -> NDArray[np.bool_]:
        """Which axes have more than the share `least` of the greatest variance: bool (d,)."""
        return np.asarray(self.variances > least * self.variances.max())

    def whitening(self, power: float = 0.5, least: float = LEAST_VARIANCE) -> Matrix:
        """Each axis divided by its variance to this power; those that hardly vary are zero, not blown up: (d, d)."""
        varying = self.varying(least)
        return self.axes * np.where(varying, np.where(varying, self.variances, 1) ** -power, 0)

    def matrix_power(self, exponent: float, least: float = LEAST_VARIANCE) -> Matrix:
        """The covariance to a power, variances below the share `least` of the greatest raised to it: (d, d)."""
        raised = np.maximum(self.variances, least * self.variances.max()) ** exponent
        return np.asarray(self.axes * raised @ self.axes.T)


def whitening(
    codes: NDArray[Any], size: int | None = None, power: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mean (d,), matrix (d, size)) such that (codes - mean) @ matrix has unit covariance.

    Directions that hardly vary are left at zero, not blown up. size: below d, how many principal axes are kept. power:
    each axis is divided by its variance to this power; below 1/2, axes that vary more go on counting for more.
    """
    mean = codes.mean(0, dtype=np.float64)
    principal = PrincipalAxes.of(np.cov(codes - mean, rowvar=False))
    whitened = principal.whitening(power)
    if size is not None and size < len(whitened):
        return mean, whitened[:, -size:]
    return mean, whitened @ principal.axes.T
