"""Bare searches without the engine: FAISS called directly on the engine's file, exact search, hand-written SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.index.index import Index
from indexer.paths import CATALOGUE
from indexer.vectors.exact import import_faiss, pad
from indexer.vectors.faiss_file import FILE_NAME as BASE_FILE
from indexer.vectors.faiss_file import FLAT, parameters_of

TRUTH_BLOCK = 200_000

Ids = NDArray[np.int64]
Codes = NDArray[np.float32]


class BareSearch:
    """Searches an open index's files directly, without the engine's guarantees.

    queries: float32 (q, d), of length 1 if the distance is cosine. k: results.
    """

    def __init__(self, index: Index, queries: Codes, k: int) -> None:
        base = index.base
        assert base is not None, "a base is made with every index"
        self._faiss = import_faiss()
        self.codes = index.vectors.codes
        self.queries, self._k = np.ascontiguousarray(queries), k
        self.row_of_id = np.full(int(base.ids[-1]) + 1, -1, np.int64)
        self.row_of_id[base.ids] = base.rows_of(base.ids)
        self.id_of_row = base.id_of_row
        self.is_flat = base.index_type == FLAT
        if not self.is_flat:
            path = str(index.folder / BASE_FILE)
            self._index = self._faiss.read_index(path, self._faiss.IO_FLAG_MMAP_IFC)
            self._wide = pad(self.queries, base.header.width)
            self.candidates, self.effort = base.header.tuning.candidates(k), base.header.tuning.effort(k)
            self._parameters = parameters_of(self._index, self.effort)
            self.most_effort = base.header.tuning.most

    def ids(self, number: int) -> Ids:
        """One query's FAISS candidates with the engine's parameters: ids, int64 (c,). If flat: the k nearest rows."""
        if self.is_flat:
            return np.asarray(self._faiss.knn(self.queries[number : number + 1], self.codes, self._k)[1][0], np.int64)
        found = self._index.search(self._wide[number : number + 1], self.candidates, params=self._parameters)[1]
        return np.asarray(found[0], np.int64)

    def within(self, number: int, parameters: Any) -> Ids:
        """The same under a filter, given as a selector in `parameters`, ranked by exact codes: ids, int64 (k,)."""
        found = self._index.search(self._wide[number : number + 1], self.candidates, params=parameters)[1][0]
        found = found[found >= 0]
        rows = self.row_of_id[found]
        nearest = self._faiss.knn(self.queries[number : number + 1], self.codes[rows], min(self._k, len(rows)))[1][0]
        return np.asarray(found[nearest], np.int64)

    def parameters(self, effort: int, allowed: NDArray[np.bool_]) -> Any:
        """FAISS's parameters for `within`. allowed: whether each id may be found."""
        return parameters_of(self._index, effort, allowed)

    def exactly(self, number: int, rows: Ids) -> Ids:
        """Exact search over some rows, which are first copied together: rows, int64 (k,)."""
        query = self.queries[number : number + 1]
        return np.asarray(rows[self._faiss.knn(query, self.codes[rows], min(self._k, len(rows)))[1][0]])

    def exactly_in_place(self, number: int, rows: Ids) -> Ids:
        """The same without copying the rows together."""
        faiss, wanted = self._faiss, min(self._k, len(rows))
        found, squares = np.empty((1, wanted), np.int64), np.empty((1, wanted), np.float32)
        query = self.queries[number : number + 1]
        arrays = [faiss.swig_ptr(array) for array in (query, self.codes, rows)]
        shape = (self.codes.shape[1], 1, len(self.codes), len(rows), wanted)
        faiss.knn_L2sqr_by_idx(*arrays, *shape, faiss.swig_ptr(squares), faiss.swig_ptr(found), 0)
        return np.asarray(found[0])

    def truth(self, rows: Ids | None = None) -> tuple[Ids, NDArray[np.float32]]:
        """Ids int64 (q, k) and Euclidean distances of each query's nearest codes, among all or some rows."""
        rows = np.flatnonzero(self.id_of_row >= 0) if rows is None else rows
        best = np.full((len(self.queries), self._k), np.inf, np.float32)
        ids = np.full(best.shape, -1, np.int64)
        for start in range(0, len(rows), TRUTH_BLOCK):
            some = rows[start : start + TRUTH_BLOCK]
            squares, found = self._faiss.knn(self.queries, self.codes[some], min(self._k, len(some)))
            both, both_ids = np.hstack([best, squares]), np.hstack([ids, self.id_of_row[some[found]]])
            order = np.argsort(both, axis=1, kind="stable")[:, : self._k]
            best, ids = np.take_along_axis(both, order, 1), np.take_along_axis(both_ids, order, 1)
        return ids, np.sqrt(np.maximum(best, 0))


class BareSql:
    """Reads paths and labels of images with SQLite alone, in the fewest statements."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(f"file:{folder / CATALOGUE}?mode=ro", uri=True)

    def rows(self, ids: Sequence[int]) -> tuple[list[Any], list[Any]]:
        """(id, path) and (id, label name, value) of images."""
        marks = ",".join("?" * len(ids))
        images = self._connection.execute(f"SELECT id, path FROM image WHERE id IN ({marks})", ids)
        labels = self._connection.execute(
            "SELECT image_id, name, value FROM label CROSS JOIN label_value ON label_id = label.id "
            f"WHERE image_id IN ({marks})",
            ids,
        )
        return images.fetchall(), labels.fetchall()


def recall(found: Ids, truth: Ids) -> float:
    """The share of true neighbours, int64 (q, k), -1 for none, that are among the found ids, int64 (q, k)."""
    there = truth >= 0
    hits = np.array([np.isin(true, some) for true, some in zip(truth, found, strict=True)])
    return np.count_nonzero(hits & there) / max(1, int(np.count_nonzero(there)))
