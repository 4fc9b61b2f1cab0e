"""The nearest codes: exactly from the array of codes, or through a FAISS file that is derived from it.

The FAISS file can be deleted at any time. It says of itself, in a stamp behind what FAISS reads, which generation of
which index it was made from, so that a stale one is noticed. Both ways propose candidates; distances are computed from
the codes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.extras import require

FILE_NAME = "vectors.faiss"
# Below this many codes, going through all of them takes less time than importing FAISS.
EXACT_BELOW = 200_000
# Candidates beyond the k asked for, since float32 scores may swap neighbours that are almost equally far.
MARGIN = 16
SCORES_AT_ONCE = 16_000_000
STAMP = struct.Struct("<8s32sQ")
MAGIC = b"LSVECTOR"


class Stamp(NamedTuple):
    """What a FAISS file was made from: an index, and how often that had been added to."""

    uuid: str
    generation: int


def exact_candidates(
    queries: NDArray[np.float32], codes: NDArray[np.float32], positions: NDArray[np.int64], wanted: int
) -> NDArray[np.int64]:
    """The nearest codes of each query, by Euclidean distance, unsorted.

    queries (q, d), codes (n, d), positions: the rows of codes to look at. Returns which of `positions`, int64
    (q, min(wanted, len(positions))).
    """
    wanted = min(wanted, len(positions))
    at_once = max(1, SCORES_AT_ONCE // max(1, len(codes)))
    halves = 0.5 * np.einsum("nd,nd->n", codes, codes)
    found = np.empty((len(queries), wanted), np.int64)
    for start in range(0, len(queries), at_once):
        # Twice this is the query's squared length minus the squared distance.
        scores = queries[start : start + at_once] @ codes.T - halves
        if len(positions) < len(codes):
            scores = scores[:, positions]
        found[start : start + at_once] = _largest(scores, wanted)
    return found


def distances_to(query: NDArray[np.float32], codes: NDArray[np.float32], distance: str) -> NDArray[np.float64]:
    """Distances from a code (d,) to codes (n, d): Euclidean, or for codes of length 1 their 1 - cosine.

    Exactly 0 for equal codes.
    """
    squares = np.sum((codes.astype(np.float64) - query) ** 2, axis=1)
    # For unit vectors 1 - cosine is half the squared distance; as 1 - dot it would leave rounding where they are equal.
    return np.asarray(np.sqrt(squares) if distance == "euclidean" else squares / 2)


def unit(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Codes (n, d) scaled to length 1; a code of zeros stays."""
    lengths = np.linalg.norm(codes.astype(np.float64), axis=1, keepdims=True)
    # A code that has length 1 but for rounding stays as it is, so that it equals the stored one.
    near = np.abs(lengths - 1) < 1e-5
    return np.asarray(codes / np.where(near | (lengths == 0), 1, lengths), np.float32)


def build(codes: NDArray[np.float32], ids: NDArray[np.int64]) -> Any:
    """A FAISS index over codes (n, d) that answers with these ids, int64 (n,): flat and exact, Euclidean.

    Codes of length 1 are in the same order by Euclidean distance as by cosine.
    """
    faiss = _import_faiss()
    index = faiss.IndexIDMap(faiss.IndexFlatL2(codes.shape[1]))
    index.add_with_ids(np.ascontiguousarray(codes, np.float32), np.ascontiguousarray(ids, np.int64))
    return index


def save(index: Any, path: Path, stamp: Stamp) -> None:
    """Write a FAISS index and its stamp, in one step for whoever reads. Raises OSError on a full disk."""
    unfinished = path.with_suffix(".unfinished")
    content = _import_faiss().serialize_index(index)
    try:
        with open(unfinished, "wb") as file:
            file.write(memoryview(content))
            file.write(STAMP.pack(MAGIC, stamp.uuid.encode(), stamp.generation))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_stamp(path: Path) -> Stamp | None:
    """The stamp of a FAISS file; None where there is no file, or none that was written whole."""
    try:
        with open(path, "rb") as file:
            file.seek(-STAMP.size, os.SEEK_END)
            magic, uuid, generation = STAMP.unpack(file.read(STAMP.size))
    except OSError:
        return None
    return Stamp(uuid.decode(errors="replace"), generation) if magic == MAGIC else None


class SavedVectors:
    """A FAISS file, mapped into memory. Never added to nor removed from: FAISS aborts the process when one tries."""

    def __init__(self, path: Path) -> None:
        faiss = _import_faiss()
        self._faiss = faiss
        self._index = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC)

    def ids(self) -> NDArray[np.int64]:
        """The ids it answers with, int64 (n,)."""
        return np.asarray(self._faiss.vector_to_array(self._index.id_map), np.int64)

    def codes(self) -> NDArray[np.float32]:
        """The codes it holds, float32 (n, d), in the order of `ids`."""
        return np.asarray(self._index.index.reconstruct_n(0, self._index.ntotal), np.float32)

    def candidates(self, queries: NDArray[np.float32], wanted: int, excluded: Sequence[int]) -> NDArray[np.int64]:
        """Ids of the nearest codes of each query (q, d), but for those excluded: int64 (q, wanted), -1 for none."""
        parameters = None
        if excluded:
            outside = self._faiss.IDSelectorBatch(np.asarray(excluded, np.int64))
            parameters = self._faiss.SearchParameters(sel=self._faiss.IDSelectorNot(outside))
        found = self._index.search(np.ascontiguousarray(queries, np.float32), wanted, params=parameters)[1]
        return np.asarray(found, np.int64)


def _largest(scores: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
    if wanted == scores.shape[1]:
        return np.broadcast_to(np.arange(wanted), scores.shape)
    return np.argpartition(scores, -wanted, axis=1)[:, -wanted:] if wanted else np.empty((len(scores), 0), np.int64)


def _import_faiss() -> Any:
    require("faiss")
    import faiss

    return faiss
