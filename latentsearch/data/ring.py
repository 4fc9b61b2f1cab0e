"""The synthetic ring: points sampled from Gaussians whose means lie on a circle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from latentsearch.data.manifest import Ring


def draw_ring(ring: Ring, count: int, seed: int | None = None) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Sample points and the mode of each (IVE-GAN, section 4.1).

    Returns points float32 (count, 2) and modes int64 (count,), 0 to ring.modes - 1, all equally likely. Mode 0 lies on
    the first axis and the numbers increase anticlockwise. Points depend only on the seed, by default the ring's own.
    """
    random = np.random.default_rng(ring.seed if seed is None else seed)
    modes = random.integers(ring.modes, size=count)
    angles = 2 * np.pi * modes / ring.modes
    means = ring.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = means + ring.sigma * random.standard_normal((count, 2))
    return points.astype(np.float32), modes
