"""The pictures of an index that are nearest to queries with labels set: every code is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.index.index import Index
from indexer.vectors.exact import Selection, distances_to, unit
from latentsearch.attributes.ranking import EditedRanking, Setting

Codes = NDArray[np.float32]
Ids = NDArray[np.int64]
# Distances -> whether pictures as far as that come into question.
Near = Callable[[Codes], NDArray[np.bool_]]


class EditedSearch:
    """Searches an index as `Index.search` does, by distances in which labels are set."""

    def __init__(self, index: Index, ranking: EditedRanking, settings: Sequence[Setting]) -> None:
        self._index, self._ranking, self._settings = index, ranking, settings

    def search(
        self,
        codes: Codes,
        k: int,
        exclude_ids: Sequence[int] = (),
        within: Selection | None = None,
        near: Near | None = None,
    ) -> tuple[Codes, Ids]:
        """The k nearest images of each code, by ascending distance with the labels set; those equally far by id.

        codes: (q, d). near: told the distances from the queries as they are, says which images come into question; the
        others are infinitely far. Otherwise as `Index.search`, but that distances may be below 0.
        """
        queries = self._ready(codes)
        slopes = self._ranking.slopes(queries, self._settings)
        distances, found = np.empty((len(codes), 0), np.float32), np.empty((len(codes), 0), np.int64)
        for ids, some in self._index.code_blocks(within, exclude_ids):
            own = np.stack([self._distances(query, some) for query in queries])
            edited = self._ranking.distances(own, slopes, some)
            if near is not None:
                edited[~near(own)] = np.inf
            distances, found = _nearest(
                np.concatenate([distances, edited], axis=1),
                np.concatenate([found, np.broadcast_to(ids, edited.shape)], axis=1),
                k,
            )
        return distances, found

    def own_distances(self, code: Codes, ids: Sequence[int]) -> list[float]:
        """How far images are from a query (d,) as it is."""
        (query,) = self._ready(code[None])
        return list(map(float, self._distances(query, self._index.codes(ids))))

    def _distances(self, query: Codes, codes: Codes) -> Codes:
        """In single precision, as a search without labels gives them."""
        return distances_to(query, codes, self._index.distance).astype(np.float32)

    def _ready(self, codes: Codes) -> Codes:
        codes = np.ascontiguousarray(codes, np.float32)
        return unit(codes) if self._index.distance == "cosine" else codes


def _nearest(distances: Codes, ids: Ids, k: int) -> tuple[Codes, Ids]:
    """The k least distances (q, n) of each query, ascending, and their ids."""
    if k < distances.shape[1]:
        some = np.argpartition(distances, k - 1, axis=1)[:, :k]
        distances, ids = np.take_along_axis(distances, some, axis=1), np.take_along_axis(ids, some, axis=1)
    order = np.lexsort((ids, distances))
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)
