"""How generated points cover a ring of Gaussians."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentsearch.data.manifest import Ring

WITHIN = 3.0  # standard deviations
COVERED = 0.1  # of an even share


def coverage(points: NDArray[np.float32], ring: Ring) -> dict[str, Any]:
    """How points (n, 2) cover the ring.

    within: the share within three sigma of a mode; shares: the same by mode; covered: the number of modes with at least
    a tenth of an even share; spread: the standard deviation, per dimension and in sigma, of the points within, about
    their mode (0.98 for the ring's own points, because three sigma cut off their tails).
    """
    angles = 2 * np.pi * np.arange(ring.modes) / ring.modes
    means = ring.radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    away = points[:, None] - means
    distances = np.linalg.norm(away, axis=2)
    nearest = distances.argmin(1)
    inside = distances.min(1) <= WITHIN * ring.sigma
    shares = np.bincount(nearest[inside], minlength=ring.modes) / len(points)
    own = away[np.arange(len(points)), nearest][inside]
    return {
        "within": round(float(inside.mean()), 4),
        "covered": int((shares >= COVERED / ring.modes).sum()),
        "shares": [round(float(share), 4) for share in shares],
        "spread": round(float(np.sqrt((own**2).mean()) / ring.sigma), 3) if inside.any() else None,
    }
