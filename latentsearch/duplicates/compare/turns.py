"""Turn and mirror pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentsearch.duplicates.compare.alignment import Array

# A turn is a number from 0 to 7. If it is MIRRORED or more, the picture is mirrored left to right; then it is turned
# clockwise by 90° times turn % MIRRORED.
TURNS = 8
MIRRORED = 4


def turned(pictures: NDArray[Any], turns: NDArray[np.int8]) -> Array:
    """Turn square pictures (n, side, side), each by its own turn; returns float32."""
    seen = pictures.astype(np.float32)
    for turn in np.unique(turns):
        of_this = turns == turn
        seen[of_this] = turned_alike(seen[of_this], int(turn))
    return seen


def turned_alike(pictures: NDArray[Any], turn: int) -> NDArray[Any]:
    """Turn all pictures (n, height, width) by the same turn."""
    mirrored = pictures[:, :, ::-1] if turn >= MIRRORED else pictures
    return np.rot90(mirrored, -(turn % MIRRORED), axes=(1, 2))
