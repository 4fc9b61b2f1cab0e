"""Keep small grey pictures in a temporary file, so that memory does not grow with the size of the index.

The file is not memory-mapped: mapped pages count as memory of the process, and a full disk would kill it (SIGBUS).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray


class GreyPictures:
    """Grey pictures, uint8 (side, side), in an open file; several threads may read at once."""

    def __init__(self, descriptor: int, side: int) -> None:
        self._descriptor = descriptor
        self._side = side

    def write(self, row: int, picture: bytes) -> None:
        """Store the bytes of one picture under a row."""
        os.pwrite(self._descriptor, picture, row * self._side**2)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read the pictures of rows, int64 (n,), in that order: uint8 (n, side, side)."""
        pictures = np.empty((len(rows), self._side, self._side), np.uint8)
        for picture, row in zip(pictures, rows.tolist(), strict=True):
            os.preadv(self._descriptor, [picture.data], row * self._side**2)
        return pictures


@contextmanager
def room_for(count: int, side: int) -> Iterator[GreyPictures]:
    """Reserve a temporary file for `count` grey pictures of this side. Raises OSError if the disk is too full."""
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, max(count, 1) * side**2)
        yield GreyPictures(file.fileno(), side)
