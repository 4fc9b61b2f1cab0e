"""The synthetic ring: points drawn from Gaussians on a circle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from latentsearch.data.manifest import Ring


def draw_ring(ring: Ring, count: int, seed: int | None = None) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Draw points and the mode that each comes from (IVE-GAN, section 4.1).

    Returns points float32 (count, 2) and modes int64 (count,), 0 to ring.modes - 1, all equally likely; mode 0 lies on
    the first axis and the others follow anticlockwise. The same seed (by default the ring's own) gives the same points.
    """
    random = np.random.default_rng(ring.seed if seed is None else seed)
    modes = random.integers(ring.modes, size=count)
    angles = 2 * np.pi * modes / ring.modes
    means = ring.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = means + ring.sigma * random.standard_normal((count, 2))
    return points.astype(np.float32), modes
