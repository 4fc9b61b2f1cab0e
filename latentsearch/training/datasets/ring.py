"""The synthetic ring to learn from: points in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentsearch.data import draw_ring, load_manifest
from latentsearch.data.manifest import Ring

SHOWN = 2_500
# Drawn once, so that a place in a run is a place among them: an epoch is 1,000 batches of the paper's 1,024.
POINTS = 1_024_000


class Points:
    """Points float32 (n, 2) of the ring that the manifest describes."""

    def __init__(self, count: int = POINTS) -> None:
        self.points = torch.from_numpy(draw_ring(ring(), count)[0])

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.points)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """The points of these rows: float32 (n, 2)."""
        return self.points[torch.from_numpy(rows)]

    def labels(self, rows: NDArray[np.int64]) -> None:
        """Points have none."""

    def shown(self) -> Tensor:
        """The first few."""
        return self.points[:SHOWN]

    def describe(self) -> dict[str, Any]:
        """What the run was trained on."""
        return {"source": "ring", "images": len(self), "held_out": 0, "unreadable": 0}

    def describe_for_people(self) -> str:
        """One sentence that says the same."""
        return f"training on {len(self):,} points of the synthetic ring"


def ring() -> Ring:
    """The ring of the manifest."""
    found = load_manifest("ring").ring
    assert found is not None
    return found
