"""Read MNIST from the publisher's IDX files, gzipped or not, or from Keras's mnist.npz."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError

IDX = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
UNSIGNED_BYTES = 8  # the third byte of an IDX file is the data type; 8 is uint8


@dataclass(frozen=True)
class Digits:
    """One split of MNIST: images uint8 (n, 28, 28), labels int64 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


def holds_digits(path: Path) -> bool:
    """Return whether a path ends in .npz, which is not opened, or is a folder with MNIST's training images."""
    return path.suffix == ".npz" or any((path / f"{IDX['train'][0]}{packed}").is_file() for packed in ("", ".gz"))


def load_digits(path: Path, split: str) -> Digits:
    """Load the split "train" or "test" of MNIST from a folder of IDX files or an .npz file with x_train, y_train etc.

    Raises InputError if the split is missing or has another type or shape.
    """
    try:
        images, labels = _from_npz(path, split) if path.suffix == ".npz" else _from_idx(path, split)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} does not hold the {split} split of MNIST ({error})") from error
    if images.dtype != np.uint8 or images.ndim != 3 or len(images) != len(labels):
        raise InputError(f"{path} does not hold grey digits: its images are {images.dtype} {images.shape}")
    return Digits(images, labels.astype(np.int64))


def _from_npz(path: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    # Given a path, np.load leaves a damaged file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return arrays[f"x_{split}"], arrays[f"y_{split}"]


def _from_idx(folder: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = (read_idx(folder / name) for name in IDX[split])
    return images, labels


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of uint8, or `path` + .gz if only that exists; raises ValueError for any other content."""
    packed = path.with_name(f"{path.name}.gz")
    content = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTES]):
        raise ValueError(f"{path.name} is not an IDX file of uint8")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
