"""Exact search: every code is compared, a few by numpy, which needs no import of FAISS, many by FAISS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.system.extras import require

# Up to this many comparisons numpy takes less time than importing FAISS.
NUMPY_COMPARISONS = 200_000
# float32 scores of codes of some hundred numbers are off by less than this share of the squared lengths.
ROUNDING = 1e-5
HALF = np.float32(0.5)
# So many codes are compared exactly in less time than it takes to look which of them need it.
COMPARED_AT_ONCE = 100

Codes = NDArray[np.float32]
Rows = NDArray[np.int64]


def nearest_rows(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    """The nearest of some rows of an array of codes to each query, by Euclidean distance, nearest first.

    queries (q, d), codes (n, d), rows int64 (m,) of codes, ascending, each once. Returns int64 (q, min(wanted, m)).
    """
    wanted = min(wanted, len(rows))
    if wanted == 0:
        return np.empty((len(queries), 0), np.int64)
    if len(queries) * len(rows) <= NUMPY_COMPARISONS:
        return np.asarray(rows[_by_numpy(queries, codes, rows, wanted)])
    return _by_faiss(queries, codes, rows, wanted)


def nearest_few(query: Codes, codes: Codes, wanted: int) -> Rows:
    """Rows of codes (n, d) among which the nearest to a code (d,) surely are, int64 (m,), ascending, m >= wanted.

    All of them where there are hardly more than `wanted`; else those whose float32 distance may be among the least.
    """
    if len(codes) <= wanted + COMPARED_AT_ONCE:
        return np.arange(len(codes))
    squares = np.vecdot(codes, codes)
    # This is the squared distance less the query's squared length.
    scores = squares - 2 * (codes @ query)
    limit = np.partition(scores, wanted - 1)[wanted - 1]
    slack = ROUNDING * (squares.max() + query @ query)
    return np.asarray((scores <= limit + slack).nonzero()[0])


def distances_to(query: Codes, codes: Codes, distance: str) -> NDArray[np.float64]:
    """Distances from a code (d,) to codes (n, d): Euclidean, or for codes of length 1 their 1 - cosine.

    In double precision; exactly 0 for equal codes.
    """
    apart = codes.astype(np.float64) - query.astype(np.float64)
    return np.asarray(_from_squares(np.vecdot(apart, apart), distance), np.float64)


class FewCodes:
    """Codes (n, d) of some images, ids int64 (n,), ascending, each of which a query is compared with."""

    def __init__(self, ids: Rows, codes: Codes, distance: str) -> None:
        self._ids, self._distance = ids, distance
        self._codes = codes.astype(np.float64)

    def nearest(self, query: Codes, k: int) -> tuple[NDArray[np.float64], Rows]:
        """Distances to the nearest of them from a code (d,), and their ids, min(k, n) of each; equally far ones by id.

        Distances are as `distances_to` gives them.
        """
        apart = self._codes - query
        squares = np.vecdot(apart, apart)
        order = squares.argsort(kind="stable")[:k]
        return np.asarray(_from_squares(squares[order], self._distance), np.float64), self._ids[order]


class Subset:
    """Some images that are there, int64 (n,) each, by row."""

    def __init__(self, ids: Rows, rows: Rows) -> None:
        self.ids, self.rows = ids, rows
        self._mask: NDArray[np.bool_] | None = None
        self._few: FewCodes | None = None

    def few(self, codes: Codes, distance: str) -> FewCodes:
        """Them with their codes, read from the array of all codes; once."""
        if self._few is None:
            order = np.argsort(self.ids)
            self._few = FewCodes(self.ids[order], codes.take(self.rows[order], axis=0), distance)
        return self._few

    def mask(self, rows: int, ids: int) -> NDArray[np.bool_]:
        """For every id below `ids` whether it is one of those whose code lies below `rows`; made once."""
        if self._mask is None:
            self._mask = np.zeros(ids, np.bool_)
            self._mask[self.ids[: np.searchsorted(self.rows, rows)]] = True
        return self._mask


class Selection:
    """The images among which to search, by ids, int64 (n,), ascending; searches keep what they make of them."""

    def __init__(self, ids: Rows) -> None:
        ids.flags.writeable = False
        self.ids = ids
        self._made: tuple[object, Subset] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, state: object, make: Callable[[Rows], Subset]) -> Subset:
        """The images with the rows that their codes have in a state of the index; made once for a state."""
        if self._made is None or self._made[0] is not state:
            self._made = state, make(self.ids)
        return self._made[1]


def _from_squares(squares: NDArray[np.floating[Any]], distance: str) -> NDArray[np.floating[Any]]:
    # For unit vectors 1 - cosine is half the squared distance; as 1 - dot it would leave rounding where they are equal.
    return np.asarray(np.sqrt(squares) if distance == "euclidean" else squares * HALF)


def unit(codes: Codes) -> Codes:
    """Codes (n, d) scaled to length 1; a code of zeros stays."""
    if len(codes) == 1 and abs(codes[0].dot(codes[0]) - 1) < ROUNDING:  # as most often; for a tenth of the cost
        return codes
    exactly = codes.astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", exactly, exactly))[:, None]
    # A code that has length 1 but for rounding stays as it is, so that it equals the stored one.
    stays = (np.abs(lengths - 1) < 1e-5) | (lengths == 0)
    return np.asarray(codes / np.where(stays, 1, lengths), np.float32)


def pad(codes: Codes, width: int) -> Codes:
    """Codes (n, d) with zeros behind them: float32 (n, width), contiguous."""
    if codes.shape[1] == width:
        return np.ascontiguousarray(codes, np.float32)
    wide = np.zeros((len(codes), width), np.float32)
    wide[:, : codes.shape[1]] = codes
    return wide


@cache
def import_faiss() -> Any:
    """The module, imported where it is needed. Raises MissingExtra."""
    require("faiss")
    import faiss

    return faiss


def _by_numpy(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    some = codes[rows[0] : rows[-1] + 1] if _are_consecutive(rows) else codes[rows]
    halves = 0.5 * np.einsum("nd,nd->n", some, some)
    # Twice this is the query's squared length minus the squared distance.
    scores = queries @ some.T - halves
    best = np.argpartition(scores, -wanted, axis=1)[:, -wanted:]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
    return np.asarray(np.take_along_axis(best, order, axis=1))


def pointer(array: NDArray[Any], dtype: type[np.generic]) -> Any:
    """Where an array lies, for FAISS's own functions, which look at neither its type nor its layout.

    Raises ValueError for an array of another type, or whose numbers do not lie one after another.
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
    # A stride of 0: the same rows for every query.
    faiss.knn_L2sqr_by_idx(*pointers, pointer(rows, np.int64), *shape, len(codes), len(rows), wanted, *results, 0)
    return found


def _are_consecutive(rows: Rows) -> bool:
    return int(rows[-1] - rows[0]) + 1 == len(rows)
