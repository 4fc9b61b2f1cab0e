"""Exact search: every code is compared, by numpy where FAISS would take longer to import, else by FAISS."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.system.extras import require

# Up to this many comparisons numpy takes less time than importing FAISS, which is quicker once it is there.
NUMPY_COMPARISONS = 200_000
# float32 scores of codes of some hundred numbers are off by less than this share of the squared lengths.
ROUNDING = 1e-5
HALF = np.float32(0.5)
# So many codes are compared exactly in less time than it takes to look which of them need it.
FEW = 100

Codes = NDArray[np.float32]
Rows = NDArray[np.int64]


def nearest_rows(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    """The nearest of some rows of an array of codes to each query, by Euclidean distance, nearest first.

    queries (q, d), codes (n, d), rows int64 (m,) of codes, ascending, each once. Returns int64 (q, min(wanted, m)).
    """
    wanted = min(wanted, len(rows))
    if wanted == 0:
        return np.empty((len(queries), 0), np.int64)
    if len(queries) * len(rows) <= NUMPY_COMPARISONS and "faiss" not in sys.modules:
        return np.asarray(rows[_by_numpy(queries, codes, rows, wanted)])
    return _by_faiss(queries, codes, rows, wanted)


def nearest_few(query: Codes, codes: Codes, wanted: int) -> Rows:
    """Rows of codes (n, d) among which the nearest to a code (d,) surely are, int64 (m,), ascending, m >= wanted.

    All of them where there are hardly more than `wanted`; else those whose float32 distance may be among the least.
    """
    if len(codes) <= wanted + FEW:
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
        self._ids, self._codes, self._distance = ids, codes, distance
        self._count, self._size = codes.shape
        self._pointer = import_faiss().swig_ptr(codes) if "faiss" in sys.modules else None

    def nearest(self, query: Codes, k: int) -> tuple[NDArray[np.floating[Any]], Rows]:
        """Distances to the nearest of them from a code (d,), and their ids, min(k, n) of each; equally far ones by id.

        Distances are as `distances_to` gives them, in single precision where FAISS is there to compare.
        """
        if self._pointer is None:
            far = distances_to(query, self._codes, self._distance)
            order = far.argsort(kind="stable")[:k]
            return far[order], self._ids[order]
        faiss = import_faiss()
        squares = np.empty(self._count, np.float32)
        faiss.fvec_L2sqr_ny(faiss.swig_ptr(squares), faiss.swig_ptr(query), self._pointer, self._size, self._count)
        order = squares.argsort(kind="stable")[:k]
        return _from_squares(squares[order], self._distance), self._ids[order]


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


def _by_faiss(queries: Codes, codes: Codes, rows: Rows, wanted: int) -> Rows:
    faiss = import_faiss()
    found = np.empty((len(queries), wanted), np.int64)
    squares = np.empty((len(queries), wanted), np.float32)
    queries, shape = np.ascontiguousarray(queries, np.float32), (codes.shape[1], len(queries))
    pointers = [faiss.swig_ptr(array) for array in (queries, codes)]
    results = [faiss.swig_ptr(array) for array in (squares, found)]
    if _are_consecutive(rows):
        some = codes[rows[0] : rows[-1] + 1]
        faiss.knn_L2sqr(pointers[0], faiss.swig_ptr(some), *shape, len(rows), wanted, *results, None)
        return np.asarray(found + rows[0])
    rows = np.ascontiguousarray(rows, np.int64)
    # A stride of 0: the same rows for every query.
    faiss.knn_L2sqr_by_idx(*pointers, faiss.swig_ptr(rows), *shape, len(codes), len(rows), wanted, *results, 0)
    return found


def _are_consecutive(rows: Rows) -> bool:
    return int(rows[-1] - rows[0]) + 1 == len(rows)
