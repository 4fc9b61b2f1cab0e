"""Read CIFAR-10 from an .npz file with Keras's names: x_train (n, 32, 32, 3), y_train, x_test and y_test, all uint8.

The publisher's own files are not supported: they are pickles, and loading a pickle can run code.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError

SHAPE = (32, 32, 3)


@dataclass(frozen=True)
class Photographs:
    """One split of CIFAR-10: images uint8 (n, 32, 32, 3), labels int64 (n,), 0 to 9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


def holds_photographs(path: Path) -> bool:
    """Return whether a path is an .npz file whose x_train is (n, 32, 32, 3); reads only the array's header."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("x_train.npy") as array:
            version = np.lib.format.read_magic(array)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, _ = read(array)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return False
    return len(shape) == 4 and shape[1:] == SHAPE


def load_photographs(path: Path, split: str) -> Photographs:
    """Load the split "train" or "test" of CIFAR-10; raises InputError if it is missing or has another type or shape."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"].reshape(-1)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} does not hold the {split} split of CIFAR-10 ({error})") from error
    if images.dtype != np.uint8 or images.shape[1:] != SHAPE or len(images) != len(labels):
        raise InputError(f"{path} does not hold CIFAR-10: its images are {images.dtype} {images.shape}")
    return Photographs(images, labels.astype(np.int64))
