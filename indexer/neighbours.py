"""Codes -> the nearest images of an index, from what a reader of it sees."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer import codes as code_files
from indexer import vectors
from indexer.catalog import Catalog
from indexer.errors import DamagedIndex
from indexer.facts import Facts
from indexer.vectors import SavedVectors, Stamp

Ids = NDArray[np.int64]


class Neighbours:
    """Searches the state of an index that its catalogue's open transaction sees."""

    def __init__(self, folder: Path, catalog: Catalog, facts: Facts) -> None:
        self._folder = folder
        self._catalog = catalog
        self._facts = facts

    def search(
        self, queries: NDArray[np.float32], k: int, excluded: Collection[int], within: Ids | None = None
    ) -> tuple[NDArray[np.float32], Ids]:
        """Distances and ids, (q, k') each, by ascending distance; those equally far by id."""
        if self._facts.distance == "cosine":
            queries = vectors.unit(queries)
        if within is not None:
            ids, positions = self._catalog.positions(np.setdiff1d(within, list(excluded)).tolist())
            candidates = ids[
                vectors.exact_candidates(queries, self.codes, positions, min(k + vectors.MARGIN, len(ids)))
            ]
            return self._ranked(queries, candidates, min(k, len(ids)))
        available = self._catalog.count() - len(self._catalog.images(sorted(excluded)))
        wanted = min(k + vectors.MARGIN, available)
        if available >= vectors.EXACT_BELOW and self.saved_are_fresh():
            candidates = self._from_saved(queries, wanted, excluded)
        else:
            candidates = self._from_codes(queries, wanted, excluded)
        return self._ranked(queries, candidates, min(k, available))

    @cached_property
    def codes(self) -> NDArray[np.float32]:
        """Every row that was ever committed, float32 (rows, d), mapped and read-only."""
        rows, size = self._facts.code_rows, self._facts.latent_size
        return code_files.map_codes(self._folder / code_files.FILE_NAME, rows, size)

    def saved_are_fresh(self) -> bool:
        """Whether the FAISS file holds every image's code."""
        stamp = Stamp(self._facts.uuid, self._facts.generation)
        return vectors.read_stamp(self._folder / vectors.FILE_NAME) == stamp

    def _from_saved(self, queries: NDArray[np.float32], wanted: int, excluded: Collection[int]) -> Ids:
        hidden = sorted({*excluded, *self._catalog.removed()})
        return self._saved.candidates(queries, wanted, hidden)

    def _from_codes(self, queries: NDArray[np.float32], wanted: int, excluded: Collection[int]) -> Ids:
        ids, positions = self._live
        if excluded:
            kept = ~np.isin(ids, list(excluded))
            ids, positions = ids[kept], positions[kept]
        return ids[vectors.exact_candidates(queries, self.codes, positions, wanted)]

    def _ranked(self, queries: NDArray[np.float32], candidates: Ids, k: int) -> tuple[NDArray[np.float32], Ids]:
        candidates = np.sort(candidates, axis=1)
        positions = self._positions(candidates)
        distances = np.empty((len(queries), k), np.float32)
        ids = np.empty((len(queries), k), np.int64)
        for row, query in enumerate(queries):
            exact = vectors.distances_to(query, self.codes[positions[row]], self._facts.distance)
            order = np.argsort(exact, kind="stable")[:k]
            distances[row], ids[row] = exact[order], candidates[row, order]
        return distances, ids

    def _positions(self, candidates: Ids) -> Ids:
        wanted, where = np.unique(candidates, return_inverse=True)
        ids, positions = self._catalog.positions(wanted.tolist())
        if len(ids) != len(wanted) or (len(positions) and positions.max() >= len(self.codes)):
            raise DamagedIndex(
                f"the files of the index at {self._folder} contradict one another: `latentsearch check` tells more"
            )
        return positions[np.argsort(ids)][where].reshape(candidates.shape)

    @cached_property
    def _live(self) -> tuple[Ids, Ids]:
        return self._catalog.positions()

    @cached_property
    def _saved(self) -> SavedVectors:
        return SavedVectors(self._folder / vectors.FILE_NAME)
