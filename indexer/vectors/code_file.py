"""The append-only array of codes: a file of rows of d little-endian float32 numbers, without a header.

A row's number is its position. The catalogue states how many rows are valid. Any further rows come from a run that died
before it committed them, and the next run overwrites them. Valid rows are never rewritten.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.errors import DamagedIndex

FILE_NAME = "codes.f32"


class Files(NamedTuple):
    """The names, in the index's folder, of the codes of whole pictures or of faces, and of the base made from them."""

    codes: str
    base: str


OF_PICTURES, OF_FACES = Files(FILE_NAME, "vectors.faiss"), Files("faces.f32", "faces.faiss")
CODE_TYPE = np.dtype("<f4")
# Codes of half-precision encoders deviate from length 1 by up to about this much.
LENGTH_TOLERANCE = 0.01


def map_codes(path: Path, rows: int, latent_size: int) -> NDArray[np.float32]:
    """Map the first `rows` codes into memory, read-only: float32 (rows, latent_size).

    Raises DamagedIndex if the file holds fewer.
    """
    size = rows * latent_size * CODE_TYPE.itemsize
    if rows == 0:
        return np.empty((0, latent_size), CODE_TYPE)
    _require_rows(path, size)
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, CODE_TYPE).reshape(rows, latent_size)


def size_of(path: Path) -> int:
    """Return the file's size in bytes, 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _require_rows(path: Path, size: int) -> None:
    if size_of(path) < size:
        raise DamagedIndex(
            f"{path} holds {size_of(path)} bytes, but the catalogue needs {size}: run `latentsearch check` for details"
        )


class CodeWriter:
    """Appends codes after the valid rows.

    rows: the number of rows, including appended ones. Raises DamagedIndex if the file holds fewer rows, since writing
    beyond its end would fill the gap with zeros.
    """

    def __init__(self, path: Path, rows: int, latent_size: int) -> None:
        self.rows = rows
        self._latent_size = latent_size
        self._row_bytes = latent_size * CODE_TYPE.itemsize
        _require_rows(path, rows * self._row_bytes)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def append(self, codes: NDArray[np.float32]) -> range:
        """Write codes, float32 (n, latent_size), and return their positions. Raises OSError if the disk is full."""
        positions = range(self.rows, self.rows + len(codes))
        content = memoryview(np.asarray(codes, CODE_TYPE).tobytes())
        offset = self.rows * self._row_bytes
        while content:
            written = os.pwrite(self._file, content, offset)
            content, offset = content[written:], offset + written
        self.rows = positions.stop
        return positions

    def read(self, position: int) -> NDArray[np.float32]:
        """Read one code, float32 (latent_size,), whether committed or just appended."""
        content = os.pread(self._file, self._row_bytes, position * self._row_bytes)
        return np.frombuffer(content, CODE_TYPE)

    def flush(self) -> None:
        """Flush appended codes to disk. Call before the transaction that refers to them commits."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> CodeWriter:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def wrong_codes(ids: NDArray[np.int64], codes: NDArray[np.float32], distance: str) -> Iterator[tuple[int, str]]:
    """Yield the id and the fault of each code that no encoder can produce; codes (n, d), ids (n,)."""
    finite = np.isfinite(codes).all(axis=1)
    yield from ((int(image_id), "is not finite") for image_id in ids[~finite])
    if distance == "cosine":
        lengths = np.linalg.norm(codes[finite].astype(np.float64), axis=1)  # damaged codes would overflow float32
        for image_id, length in zip(ids[finite], lengths, strict=True):
            # Pictures without any contrast may have a code of zeros.
            if length != 0 and abs(length - 1) > LENGTH_TOLERANCE:
                yield int(image_id), f"has length {length:.3g}, not 1"
