"""The append-only array of codes: a file of rows of d little-endian float32, without a header.

A row's number is its position. The catalogue says how many rows count; whatever follows them was written by a run that
did not live to commit it, and the next run overwrites it. Rows that count are never written again.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from indexer.errors import DamagedIndex

FILE_NAME = "codes.f32"
CODE_TYPE = np.dtype("<f4")


def map_codes(path: Path, rows: int, latent_size: int) -> NDArray[np.float32]:
    """The first `rows` codes, float32 (rows, latent_size), mapped into memory and read-only.

    Raises DamagedIndex when the file holds fewer.
    """
    size = rows * latent_size * CODE_TYPE.itemsize
    if rows == 0:
        return np.empty((0, latent_size), CODE_TYPE)
    _require_rows(path, size)
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, CODE_TYPE).reshape(rows, latent_size)


def size_of(path: Path) -> int:
    """The file's bytes, 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _require_rows(path: Path, size: int) -> None:
    if size_of(path) < size:
        raise DamagedIndex(
            f"{path} holds {size_of(path)} bytes and the catalogue names {size}: `latentsearch check` tells more"
        )


class CodeWriter:
    """Appends codes behind the rows that count.

    rows: how many there are, appended ones included. Raises DamagedIndex when the file holds fewer: what is lost would
    become zeros.
    """

    def __init__(self, path: Path, rows: int, latent_size: int) -> None:
        self.rows = rows
        self._latent_size = latent_size
        self._row_bytes = latent_size * CODE_TYPE.itemsize
        _require_rows(path, rows * self._row_bytes)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def append(self, codes: NDArray[np.float32]) -> range:
        """Write codes, float32 (n, latent_size), and return their positions. Raises OSError on a full disk."""
        positions = range(self.rows, self.rows + len(codes))
        content = memoryview(np.asarray(codes, CODE_TYPE).tobytes())
        offset = self.rows * self._row_bytes
        while content:
            written = os.pwrite(self._file, content, offset)
            content, offset = content[written:], offset + written
        self.rows = positions.stop
        return positions

    def read(self, position: int) -> NDArray[np.float32]:
        """One code, float32 (latent_size,), appended just now or long ago."""
        content = os.pread(self._file, self._row_bytes, position * self._row_bytes)
        return np.frombuffer(content, CODE_TYPE)

    def flush(self) -> None:
        """Return when all that was appended is on the disk: only then may a transaction name it."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> CodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# Codes of a half-precision encoder have length 1 only so far.
LENGTH_TOLERANCE = 0.01


def wrong_codes(ids: NDArray[np.int64], codes: NDArray[np.float32], distance: str) -> Iterator[tuple[int, str]]:
    """Of codes (n, d) with these ids (n,) those that no encoder gives: id, and what is wrong."""
    finite = np.isfinite(codes).all(axis=1)
    yield from ((int(image_id), "is not finite") for image_id in ids[~finite])
    if distance == "cosine":
        lengths = np.linalg.norm(codes[finite].astype(np.float64), axis=1)  # damaged ones overflow in float32
        for image_id, length in zip(ids[finite], lengths, strict=True):
            # A picture without any contrast may have a code of zeros.
            if length != 0 and abs(length - 1) > LENGTH_TOLERANCE:
                yield int(image_id), f"has length {length:.3g}, not 1"
