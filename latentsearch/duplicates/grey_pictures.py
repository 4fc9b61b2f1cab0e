"""Small grey pictures in a temporary file, as many as an index has at worst: they take no memory until they are read.

Not a memory map: its pages would count as the process's memory, and a disk that is too full would kill it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray


class GreyPictures:
    """Grey pictures, uint8 (side, side), in an open file; threads may read them at once."""

    def __init__(self, descriptor: int, side: int) -> None:
        self._descriptor = descriptor
        self._side = side

    def write(self, row: int, picture: bytes) -> None:
        """Keep one picture, by its bytes."""
        os.pwrite(self._descriptor, picture, row * self._side**2)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pictures of rows, int64 (n,), in that order: uint8 (n, side, side)."""
        pictures = np.empty((len(rows), self._side, self._side), np.uint8)
        for picture, row in zip(pictures, rows.tolist(), strict=True):
            os.preadv(self._descriptor, [picture.data], row * self._side**2)
        return pictures


@contextmanager
def room_for(count: int, side: int) -> Iterator[GreyPictures]:
    """Room for so many grey pictures of that side. Raises OSError where the disk has not as much."""
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, max(count, 1) * side**2)
        yield GreyPictures(file.fileno(), side)
