"""Exhaustive search of an index for the pictures nearest to queries with labels set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.index.index import Index
from indexer.vectors.exact import Selection, distances_to, unit
from latentsearch.attributes.ranking import EditedRanking, Setting

Codes = NDArray[np.float32]
Ids = NDArray[np.int64]
# Maps distances to whether they satisfy the search's limits.
Near = Callable[[Codes], NDArray[np.bool_]]


class EditedSearch:
    """Searches an index like `Index.search`, by distances with labels set."""

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
        """Return the distances and ids of the k nearest images of each code, by ascending distance, then by id.

        codes: (q, d). near: decides by the plain distances which images qualify; the distance of all other images is
        infinite. Everything else is as in `Index.search`, except that distances may be negative.
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
        """Return the plain distances of images from a query (d,), without labels set."""
        (query,) = self._ready(code[None])
        return list(map(float, self._distances(query, self._index.codes(ids))))

    def _distances(self, query: Codes, codes: Codes) -> Codes:
        """Distances in single precision, equal to those of a search without labels."""
        return distances_to(query, codes, self._index.distance).astype(np.float32)

    def _ready(self, codes: Codes) -> Codes:
        codes = np.ascontiguousarray(codes, np.float32)
        return unit(codes) if self._index.distance == "cosine" else codes


def _nearest(distances: Codes, ids: Ids, k: int) -> tuple[Codes, Ids]:
    """Return the k least of the distances (q, n) of each query, ascending, and their ids."""
    if k < distances.shape[1]:
        some = np.argpartition(distances, k - 1, axis=1)[:, :k]
        distances, ids = np.take_along_axis(distances, some, axis=1), np.take_along_axis(ids, some, axis=1)
    order = np.lexsort((ids, distances))
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)
