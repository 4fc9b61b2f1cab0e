"""Codes -> the nearest images of an index, from what a reader of it sees: the base, what came since, what is gone."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer import codes as code_files
from indexer import exact
from indexer.base import FILE_NAME, Base
from indexer.catalog import Catalog
from indexer.errors import DamagedIndex
from indexer.facts import Facts
from indexer.kinds import FLAT

Ids = NDArray[np.int64]
Codes = NDArray[np.float32]
# So many ids to leave out cost less as candidates too many than as a bitmap.
FEW = 1_000


class Delta(NamedTuple):
    """The images whose codes were stored after the base was made, int64 (n,) each, by row."""

    ids: Ids
    rows: Ids


class Neighbours:
    """Searches the state of an index that its catalogue's open transaction sees.

    before: the one of an earlier state, whose base is used again where it still is the right one.
    """

    def __init__(self, folder: Path, catalog: Catalog, facts: Facts, before: Neighbours | None = None) -> None:
        self._folder = folder
        self._catalog = catalog
        self._facts = facts
        self.problem = ""
        self.newest_generation = facts.generation
        self.base: Base | None = self._fitting_base(before.base if before else None)

    def search(
        self, queries: Codes, k: int, excluded: Collection[int], within: Ids | None = None
    ) -> tuple[NDArray[np.float32], Ids]:
        """Distances and ids, (q, k') each, by ascending distance; those equally far by id."""
        if self._facts.distance == "cosine":
            queries = exact.unit(queries)
        hidden = np.array(sorted(excluded), np.int64)
        if within is None and len(hidden) > FEW:
            within = self.ids()
        if within is None:
            hidden = hidden[self._are_live(hidden)]
            available = self.count - len(hidden)
            found, rows = self._among_all(queries, min(k, available), hidden)
        else:
            within = np.setdiff1d(within[self._are_live(within)], hidden)
            available = len(within)
            found, rows = self._among(queries, min(k, available), within)
        return self._ranked(queries, found, rows, min(k, available))

    @cached_property
    def codes(self) -> Codes:
        """Every row that was ever committed, float32 (rows, d), mapped and read-only."""
        rows, size = self._facts.code_rows, self._facts.latent_size
        return code_files.map_codes(self._folder / code_files.FILE_NAME, rows, size)

    @property
    def count(self) -> int:
        """How many images there are."""
        return self.in_base - len(self.gone) + len(self.delta.ids)

    @property
    def in_base(self) -> int:
        """How many images the base holds, those that are gone included."""
        return self.base.header.count if self.base else 0

    @cached_property
    def delta(self) -> Delta:
        """The images that the base does not hold."""
        return Delta(*self._catalog.positions_from(self.base.header.rows if self.base else 0))

    @cached_property
    def gone(self) -> Ids:
        """Ids that the base holds and the catalogue does not, ascending."""
        if self.base is None:
            return np.empty(0, np.int64)
        removed = np.array(self._catalog.removed(), np.int64)
        return removed[self.base.rows_of(removed) >= 0]

    def ids(self) -> Ids:
        """The ids of all images, ascending."""
        base = self.base.ids if self.base else np.empty(0, np.int64)
        return np.union1d(np.setdiff1d(base, self.gone, assume_unique=True), self.delta.ids)

    def rows_of(self, ids: Ids) -> Ids:
        """The rows of images' codes, int64 of the same shape; -1 for ids that are none."""
        rows = self.base.rows_of(ids) if self.base else np.full(ids.shape, -1, np.int64)
        if len(self.gone):
            rows[np.isin(ids, self.gone)] = -1
        if len(self.delta.ids):
            order = self._delta_by_id
            place = np.minimum(np.searchsorted(self.delta.ids, ids, sorter=order), len(order) - 1)
            here = self.delta.ids[order[place]] == ids
            rows[here] = self.delta.rows[order[place[here]]]
        return rows

    def _among_all(self, queries: Codes, k: int, hidden: Ids) -> tuple[Ids, Ids]:
        """Ids and rows of candidates, int64 (q, c) each, -1 for none; at least k of each query's are there."""
        parts = []
        wanted = (self.base.header.tuning.candidates(k) if self.base else k) + len(hidden)
        if self.base is not None:
            parts.append(self._from_base(queries, k + len(hidden), wanted))
        if len(self.delta.ids):
            nearest = exact.nearest_rows(queries, self.codes, self.delta.rows, wanted)
            parts.append((self.delta.ids[np.searchsorted(self.delta.rows, nearest)], nearest))
        if not parts:
            return (np.empty((len(queries), 0), np.int64),) * 2
        found, rows = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        if len(hidden):
            rows[np.isin(found, hidden)] = -1
        return found, rows

    def _from_base(self, queries: Codes, k: int, wanted: int) -> tuple[Ids, Ids]:
        assert self.base is not None
        if self.base.kind == FLAT:
            live = self._live_rows
            rows = exact.nearest_rows(queries, self.codes, live, wanted)
            return self.base.id_of_row[rows], rows
        needed = min(k, self.in_base - len(self.gone))
        effort = self.base.header.tuning.effort(k)
        found = self._searched(queries, wanted, needed, effort, self._live_mask if len(self.gone) else None)
        return found, self.base.rows_of(found)

    def _searched(
        self, queries: Codes, wanted: int, needed: int, effort: int, allowed: NDArray[np.bool_] | None
    ) -> Ids:
        """Ids from the base, at least `needed` for each query: where they are not among what was looked at, more is."""
        assert self.base is not None
        most = self.base.header.tuning.most
        while True:
            found = self.base.search(queries, wanted, effort, allowed)
            if effort >= most or np.all(np.count_nonzero(found >= 0, axis=1) >= needed):
                return found
            effort = min(most, 4 * effort)

    def _among(self, queries: Codes, k: int, within: Ids) -> tuple[Ids, Ids]:
        """As `_among_all`, of some images alone, all of which are there."""
        rows = self.rows_of(within)
        base = self.base
        old = rows < base.header.rows if base else np.zeros(len(rows), np.bool_)
        if base is None or base.kind == FLAT or base.header.tuning.prefers_exact(int(old.sum()), self.in_base, k):
            return self._exactly(queries, base.header.tuning.candidates(k) if base else k, within, rows)
        allowed = np.zeros(int(within[-1]) + 1, np.bool_)
        allowed[within[old]] = True
        wanted = base.header.tuning.candidates(k)
        effort = base.header.tuning.effort(k * self.in_base / int(old.sum()))
        found = self._searched(queries, wanted, min(wanted, int(old.sum())), effort, allowed)
        if np.any(np.count_nonzero(found >= 0, axis=1) < min(k, int(old.sum()))):
            return self._exactly(queries, wanted, within, rows)
        new_ids, new_rows = self._exactly(queries, wanted, within[~old], rows[~old])
        return np.hstack([found, new_ids]), np.hstack([base.rows_of(found), new_rows])

    def _exactly(self, queries: Codes, wanted: int, ids: Ids, rows: Ids) -> tuple[Ids, Ids]:
        order = np.argsort(rows)
        nearest = exact.nearest_rows(queries, self.codes, rows[order], wanted)
        return ids[order][np.searchsorted(rows[order], nearest)], nearest

    def _ranked(self, queries: Codes, found: Ids, rows: Ids, k: int) -> tuple[NDArray[np.float32], Ids]:
        """The k nearest of the candidates by their exact codes."""
        if rows.size and rows.max() >= len(self.codes):
            raise DamagedIndex(
                f"the files of the index at {self._folder} contradict one another: `latentsearch check` tells more"
            )
        distances = np.empty((len(queries), k), np.float32)
        ids = np.empty((len(queries), k), np.int64)
        for row, query in enumerate(queries):
            there = rows[row] >= 0
            candidates = found[row][there]
            exactly = exact.distances_to(query, self.codes[rows[row][there]], self._facts.distance)
            order = np.lexsort((candidates, exactly))[:k]
            distances[row], ids[row] = exactly[order], candidates[order]
        return distances, ids

    def _are_live(self, ids: Ids) -> NDArray[np.bool_]:
        return self.rows_of(ids) >= 0

    @cached_property
    def _delta_by_id(self) -> Ids:
        return np.argsort(self.delta.ids)

    @cached_property
    def _live_rows(self) -> Ids:
        assert self.base is not None
        ids = self.base.id_of_row
        return np.flatnonzero((ids >= 0) & ~np.isin(ids, self.gone))

    @cached_property
    def _live_mask(self) -> NDArray[np.bool_]:
        assert self.base is not None
        mask = np.ones(int(self.base.ids[-1]) + 1, np.bool_)
        mask[self.gone] = False
        return mask

    def _fitting_base(self, before: Base | None) -> Base | None:
        """The base that holds this state but for what came since; None where there is none or it is not sound."""
        path = self._folder / FILE_NAME
        try:
            base = before if before is not None and before.is_still(path) else Base(path)
        except FileNotFoundError:
            return None
        except DamagedIndex as error:
            self.problem = f"{error}; every code is compared instead, and `latentsearch check` makes it anew"
            return None
        if base.header.uuid != self._facts.uuid:
            self.problem = f"{path} is of another index; every code is compared instead"
            return None
        self.newest_generation = max(base.header.generation, self._facts.generation)
        fits = self._facts.base_generation <= base.header.generation <= self._facts.generation
        return base if fits else None
