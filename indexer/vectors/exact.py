"""Exact search, which compares every code: with numpy for small searches, without importing FAISS, else with FAISS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.system.extras import require

# Up to this many comparisons (queries times codes), numpy takes less time than importing FAISS.
NUMPY_COMPARISONS = 200_000
# Upper bound of the error of float32 scores for codes of a few hundred numbers, relative to the squared lengths.
ROUNDING = 1e-5
HALF = np.float32(0.5)
# For up to this many surplus codes, comparing all exactly is faster than first selecting those that need it.
COMPARED_AT_ONCE = 100

Codes = NDArray[np.float32]
Rows = NDArray[np.int64]


def nearest_rows(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    """Find the given rows of codes that are nearest to each query by Euclidean distance, nearest first.

    queries (q, d), codes (n, d); rows int64 (m,), ascending, unique. Returns int64 (q, min(wanted, m)).
    """
    wanted = min(wanted, len(rows))
    if wanted == 0:
        return np.empty((len(queries), 0), np.int64)
    if len(queries) * len(rows) <= NUMPY_COMPARISONS:
        return np.asarray(rows[_by_numpy(queries, codes, rows, wanted)])
    return _by_faiss(queries, codes, rows, wanted)


def nearest_few(query: Codes, codes: Codes, wanted: int) -> Rows:
    """Return rows of codes (n, d) that certainly include the `wanted` nearest to a code (d,): int64 (m,), ascending.

    Returns all rows if there are few more than `wanted`, else those that float32 rounding cannot rule out.
    """
    if len(codes) <= wanted + COMPARED_AT_ONCE:
        return np.arange(len(codes))
    squares = np.vecdot(codes, codes)
    # The squared distance minus the query's squared length, which is the same for every code.
    scores = squares - 2 * (codes @ query)
    limit = np.partition(scores, wanted - 1)[wanted - 1]
    slack = ROUNDING * (squares.max() + query @ query)
    return np.asarray((scores <= limit + slack).nonzero()[0])


def distances_to(query: Codes, codes: Codes, distance: str) -> NDArray[np.float64]:
    """Return the distances from a code (d,) to codes (n, d): Euclidean, or 1 - cosine for codes of length 1.

    Computed in double precision, and exactly 0 for equal codes.
    """
    apart = codes.astype(np.float64) - query.astype(np.float64)
    return np.asarray(_from_squares(np.vecdot(apart, apart), distance), np.float64)


class FewCodes:
    """A small set of codes (n, d), with ascending ids int64 (n,), that is compared with each query in full."""

    def __init__(self, ids: Rows, codes: Codes, distance: str) -> None:
        self._ids, self._distance = ids, distance
        self._codes = codes.astype(np.float64)

    def nearest(self, query: Codes, k: int) -> tuple[NDArray[np.float64], Rows]:
        """Return distances and ids of the min(k, n) codes nearest to a code (d,), ties ordered by id.

        Distances are computed as in `distances_to`.
        """
        apart = self._codes - query
        squares = np.vecdot(apart, apart)
        order = squares.argsort(kind="stable")[:k]
        return np.asarray(_from_squares(squares[order], self._distance), np.float64), self._ids[order]


class Subset:
    """The indexed images of a selection: ids and rows of their codes, int64 (n,) each, ascending by row."""

    def __init__(self, ids: Rows, rows: Rows) -> None:
        self.ids, self.rows = ids, rows
        self._mask: NDArray[np.bool_] | None = None
        self._few: FewCodes | None = None

    def few(self, codes: Codes, distance: str) -> FewCodes:
        """Return these images as FewCodes, reading their codes only once."""
        if self._few is None:
            order = np.argsort(self.ids)
            self._few = FewCodes(self.ids[order], codes.take(self.rows[order], axis=0), distance)
        return self._few

    def mask(self, rows: int, ids: int) -> NDArray[np.bool_]:
        """Return, for every id below `ids`, whether it is in the subset and its row is below `rows`; computed once."""
        if self._mask is None:
            self._mask = np.zeros(ids, np.bool_)
            self._mask[self.ids[: np.searchsorted(self.rows, rows)]] = True
        return self._mask


class Selection:
    """A set of images to search within: ids, int64 (n,), ascending. Caches what searches derive from it."""

    def __init__(self, ids: Rows) -> None:
        ids.flags.writeable = False
        self.ids = ids
        self._made: tuple[object, Subset] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, state: object, make: Callable[[Rows], Subset]) -> Subset:
        """Return the images with the rows of their codes in one state of the index; computed once per state."""
        if self._made is None or self._made[0] is not state:
            self._made = state, make(self.ids)
        return self._made[1]


def _from_squares(squares: NDArray[np.floating[Any]], distance: str) -> NDArray[np.floating[Any]]:
    # For unit vectors, 1 - cosine is half the squared distance. As 1 - dot, it would not be exactly 0 for equal codes.
    return np.asarray(np.sqrt(squares) if distance == "euclidean" else squares * HALF)


def unit(codes: Codes) -> Codes:
    """Scale codes (n, d) to length 1; a code of zeros is unchanged."""
    if len(codes) == 1 and abs(codes[0].dot(codes[0]) - 1) < ROUNDING:  # the usual case, at a tenth of the cost
        return codes
    exactly = codes.astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", exactly, exactly))[:, None]
    # A code of length 1 up to rounding is unchanged, so that it stays equal to the stored one.
    stays = (np.abs(lengths - 1) < 1e-5) | (lengths == 0)
    return np.asarray(codes / np.where(stays, 1, lengths), np.float32)


def pad(codes: Codes, width: int) -> Codes:
    """Pad codes (n, d) with zeros: float32 (n, width), contiguous."""
    if codes.shape[1] == width:
        return np.ascontiguousarray(codes, np.float32)
    wide = np.zeros((len(codes), width), np.float32)
    wide[:, : codes.shape[1]] = codes
    return wide


@cache
def import_faiss() -> Any:
    """Import FAISS on first use. Raises MissingExtra."""
    require("faiss")
    import faiss

    return faiss


def _by_numpy(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    some = codes[rows[0] : rows[-1] + 1] if _are_consecutive(rows) else codes[rows]
    halves = 0.5 * np.einsum("nd,nd->n", some, some)
    # The squared distance is the query's squared length minus twice this score.
    scores = queries @ some.T - halves
    best = np.argpartition(scores, -wanted, axis=1)[:, -wanted:]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
    return np.asarray(np.take_along_axis(best, order, axis=1))


def pointer(array: NDArray[Any], dtype: type[np.generic]) -> Any:
    """Return an array's address for FAISS's low-level functions, which check neither dtype nor layout.

    Raises ValueError for another dtype or an array that is not contiguous.
    """
    if array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(f"FAISS takes contiguous {dtype.__name__}, not {array.dtype} of strides {array.strides}")
    return import_faiss().swig_ptr(array)


def _by_faiss(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    faiss = import_faiss()
    found = np.empty((len(queries), wanted), np.int64)
    squares = np.empty((len(queries), wanted), np.float32)
    queries, shape = np.ascontiguousarray(queries, np.float32), (codes.shape[1], len(queries))
    pointers = [pointer(array, np.float32) for array in (queries, codes)]
    results = [pointer(squares, np.float32), pointer(found, np.int64)]
    if _are_consecutive(rows):
        some = codes[rows[0] : rows[-1] + 1]
        faiss.knn_L2sqr(pointers[0], pointer(some, np.float32), *shape, len(rows), wanted, *results, None)
        return np.asarray(found + rows[0])
    rows = np.ascontiguousarray(rows, np.int64)
    # The last argument, a stride of 0, makes all queries use the same rows.
    faiss.knn_L2sqr_by_idx(*pointers, pointer(rows, np.int64), *shape, len(codes), len(rows), wanted, *results, 0)
    return found


def _are_consecutive(rows: Rows) -> bool:
    return int(rows[-1] - rows[0]) + 1 == len(rows)


def side_by_side(
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Combine candidates from several sources: ids and rows, (count, c) each."""
    if not parts:
        return np.empty((count, 0), np.int64), np.empty((count, 0), np.int64)
    if len(parts) == 1:
        return parts[0]
    found, rows = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    return found, rows
