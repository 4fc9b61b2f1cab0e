"""The data sets of latent-size: MNIST, CIFAR-10 and CelebA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.celeba import load_faces
from indexer.errors import InputError
from latentsearch.data.cifar10 import holds_photographs, load_photographs
from latentsearch.data.digits import holds_digits, load_digits

Pixels = NDArray[np.uint8]
NAMES = ("mnist", "cifar10", "celeba")


@dataclass(frozen=True)
class Split:
    """Images uint8 (n, h, w, 3) and labels: a class int64 (n,), or attributes uint8 (n, a), 0 or 1."""

    images: Pixels
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.images)

    def some(self, count: int, seed: int) -> Split:
        """Up to `count` different images, drawn at random and kept in their order."""
        rows = np.random.default_rng(seed).permutation(len(self))[:count]
        rows.sort()
        return Split(np.array(self.images[rows]), self.labels[rows])


@dataclass(frozen=True)
class Sets:
    """Training and validation images. name: one of NAMES."""

    name: str
    path: Path
    train: Split
    validation: Split


def locate(data: Path, root: Path | None) -> Path:
    """The path of a data set: the path itself, or for one of NAMES the file or folder of that name under the root.

    Raises InputError if nothing is there.
    """
    found = [data] if root is None else [root / data, root / f"{data}.npz", *sorted(root.glob(f"{data}*.npz"))]
    for path in found:
        if path.exists():
            return path
    raise InputError(
        f"there is no data at {found[0]}: name a file or folder with --data, or {', '.join(NAMES)} and --root"
    )


def load_sets(path: Path) -> Sets:
    """MNIST and CIFAR-10 with their test split for validation, CelebA with its validation partition.

    Raises InputError if the path is none of these, or is damaged.
    """
    if holds_photographs(path):
        parts = [load_photographs(path, split) for split in ("train", "test")]
        return Sets("cifar10", path, *(Split(part.images, part.labels) for part in parts))
    if holds_digits(path):
        digits = [load_digits(path, split) for split in ("train", "test")]
        return Sets("mnist", path, *(Split(in_colour(part.images), part.labels) for part in digits))
    faces = [load_faces(path, partition) for partition in ("train", "validation")]
    return Sets("celeba", path, *(Split(part.pixels(), part.attributes) for part in faces))


def in_colour(grey: Pixels) -> Pixels:
    """Grey images (n, h, w) as RGB images (n, h, w, 3): a read-only view of the same memory."""
    return np.broadcast_to(grey[..., None], (*grey.shape, 3))
