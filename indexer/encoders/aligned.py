"""Tell pictures of aligned faces from any others, without a detector: a linear classifier of gradients.

Histograms of oriented gradients with a linear classifier: Dalal and Triggs, CVPR 2005.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.framing import CELEBA
from indexer.errors import EncoderError

# Faces are framed as for most encoders of faces: 64x64 pixels, CelebA's middle.
FRAMING = CELEBA
# Cells have this many pixels a side, and a cell this many directions.
CELL, DIRECTIONS = 8, 8
CELLS = FRAMING.width // CELL
FEATURES = CELLS * CELLS * DIRECTIONS
# Added to the energy of 3x3 cells, so that noise in flat parts of a picture stays small.
FLAT = 0.5
# The entry of a face encoder's model.json: the intercept and FEATURES weights.
KEY = "aligned_faces"


def gradients(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the gradients of framed pictures uint8 (n, 64, 64, 3): float32 (n, FEATURES).

    The square root of grey is differentiated; the positive parts in eight directions are averaged over cells, divided
    by the norm of 3x3 cells, and their square roots taken.
    """
    grey = np.pad(np.sqrt(pixels.mean(3, dtype=np.float32)), ((0, 0), (1, 1), (1, 1)), "edge")
    dx = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    dy = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    waves = (np.maximum(dx * np.cos(angle) + dy * np.sin(angle), 0) for angle in angles.astype(np.float32))
    cells = np.stack([wave.reshape(-1, CELLS, CELL, CELLS, CELL).mean((2, 4)) for wave in waves], axis=-1)
    energy = np.pad((cells**2).sum(-1), ((0, 0), (1, 1), (1, 1)))
    around = sum(energy[:, row : row + CELLS, column : column + CELLS] for row in range(3) for column in range(3))
    relative: NDArray[np.float32] = np.sqrt(cells / np.sqrt(around + FLAT)[..., None])
    return relative.reshape(len(pixels), FEATURES).astype(np.float32)


def are_aligned_faces(pixels: NDArray[np.uint8], model: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which framed pictures uint8 (n, 64, 64, 3) are faces as a face encoder was trained on: bool (n,).

    model: the encoder's model.json; without KEY, no picture is one. Raises EncoderError if its numbers are damaged.
    """
    if KEY not in model:
        return np.zeros(len(pixels), np.bool_)
    try:
        intercept, weights = float(model[KEY]["intercept"]), np.asarray(model[KEY]["weights"], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderError(f"encoder {model['name']} does not state how to recognise its pictures ({error})") from error
    if weights.shape != (FEATURES,):
        raise EncoderError(f"encoder {model['name']} has {weights.size} weights for recognising its pictures")
    return np.asarray(gradients(pixels) @ weights + intercept > 0)
