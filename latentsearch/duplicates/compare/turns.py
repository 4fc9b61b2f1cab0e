"""How a picture may be turned and mirrored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentsearch.duplicates.compare.alignment import Array

# How a picture may be turned: mirrored left to right where 4 is in it, then turned clockwise by so many quarters.
TURNS = 8


MIRRORED = 4


def turned(pictures: NDArray[Any], turns: NDArray[np.int8]) -> Array:
    """Square pictures (n, side, side) as float32, each turned by its own."""
    seen = pictures.astype(np.float32)
    for turn in np.unique(turns):
        of_this = turns == turn
        seen[of_this] = turned_alike(seen[of_this], int(turn))
    return seen


def turned_alike(pictures: NDArray[Any], turn: int) -> NDArray[Any]:
    """Pictures (n, height, width), all turned alike."""
    mirrored = pictures[:, :, ::-1] if turn >= MIRRORED else pictures
    return np.rot90(mirrored, -(turn % MIRRORED), axes=(1, 2))
