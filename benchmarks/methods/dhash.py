"""dHash similarity of pictures: the share of equal bits out of 64, the measure of AEGAN's Table 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.datasets.pictures import import_imagehash

Bits = NDArray[np.bool_]


def dhash_bits(images: NDArray[np.uint8]) -> Bits:
    """ImageHash's dHash of RGB pictures uint8 (n, h, w, 3): bool (n, 64).

    Raises MissingExtra if ImageHash is not installed.
    """
    dhash = import_imagehash().dhash
    return np.stack([dhash(Image.fromarray(image)).hash.ravel() for image in images])


def similarity(bits: Bits, others: Bits) -> NDArray[np.float64]:
    """The share of equal bits in each pair, in [0, 1]: (n,) from two arrays (n, 64)."""
    return np.asarray((bits == others).mean(axis=1), np.float64)


def random_pairs(bits: Bits, seed: int) -> NDArray[np.float64]:
    """The similarity of n pairs of different pictures; each picture is in two pairs: (n,)."""
    order = np.random.default_rng([seed, 4]).permutation(len(bits))
    return similarity(bits[order], bits[np.roll(order, 1)])
