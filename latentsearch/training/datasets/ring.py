"""Training points of the synthetic ring in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentsearch.data import draw_ring, load_manifest
from latentsearch.data.manifest import Ring

SHOWN = 2_500
# All points are drawn once, so that a resumed run continues with the same ones; an epoch is 1,000 batches of 1,024.
POINTS = 1_024_000


class Points:
    """Points float32 (n, 2) of the ring that the manifest describes."""

    def __init__(self, count: int = POINTS) -> None:
        self.points = torch.from_numpy(draw_ring(ring(), count)[0])

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.points)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the points of these rows: float32 (n, 2)."""
        return self.points[torch.from_numpy(rows)]

    def labels(self, rows: NDArray[np.int64]) -> None:
        """Return None: points have no labels."""

    def shown(self) -> Tensor:
        """Return the first SHOWN points."""
        return self.points[:SHOWN]

    def describe(self) -> dict[str, Any]:
        """Describe the training data for run.json."""
        return {"source": "ring", "images": len(self), "held_out": 0, "unreadable": 0}

    def describe_for_people(self) -> str:
        """Describe the training data in one line of text."""
        return f"training on {len(self):,} points of the synthetic ring"


def ring() -> Ring:
    """Return the parameters of the ring from its manifest."""
    found = load_manifest("ring").ring
    assert found is not None
    return found
