"""A picture's fingerprint: the whole of it as a tiny grey picture, by which copies that were altered are told.

The pixels themselves are kept and not bits of them, since mirror images and crops of it can be computed from them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16


def fingerprint_of(picture: Image.Image) -> NDArray[np.uint8]:
    """The fingerprint of an upright RGB picture, of any shape: grey values, uint8 (SIDE, SIDE)."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small.convert("L"))
