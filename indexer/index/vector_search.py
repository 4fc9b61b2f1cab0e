"""Finds the nearest images to codes in one state of an index: its base, newer images, and removed ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import IndexMetadata
from indexer.catalog.images import Rows
from indexer.errors import DamagedIndex
from indexer.vectors import code_file as code_files
from indexer.vectors import exact
from indexer.vectors.code_file import OF_PICTURES, Files
from indexer.vectors.exact import Selection, Subset
from indexer.vectors.faiss_file import FLAT, FaissFile

Ids = NDArray[np.int64]
Codes = NDArray[np.float32]
NONE = np.empty(0, np.int64)
# Up to this many excluded ids, fetching extra candidates is cheaper than building a bitmap.
EXCLUDED_AS_CANDIDATES = 1_000
# Extra candidates for exact search, because float32 rounding can swap nearly equal distances.
SPARE = 16
# Up to this many images are all compared exactly, without first searching for candidates.
RANKED_AT_ONCE = 200
# Rows per block of `blocks`.
CODES_AT_ONCE = 20_000


class Delta(NamedTuple):
    """Images whose codes were stored after the base was written: int64 (n,) each, ordered by row."""

    ids: Ids
    rows: Ids


class Candidates(NamedTuple):
    """Possible results: ids and rows, int64 (q, c) each, row -1 if missing; available: images that can be found."""

    ids: Ids
    rows: Ids
    available: int


class VectorSearch:
    """Searches the state of an index in its catalogue's open transaction.

    catalogued: the rows of the space that is searched. before: the search over an earlier state, whose base is reused
    if it is still current. files: those of the space.
    """

    def __init__(
        self,
        folder: Path,
        catalogued: Rows,
        metadata: IndexMetadata,
        before: VectorSearch | None = None,
        files: Files = OF_PICTURES,
    ) -> None:
        self._folder = folder
        self._files = files
        self.catalogued = catalogued
        self._metadata = metadata
        self.problem = ""
        self.newest_generation = metadata.generation
        self.base: FaissFile | None = self._fitting_base(before.base if before else None)

    def search(
        self, queries: Codes, k: int, excluded: Collection[int], within: Selection | None = None
    ) -> tuple[NDArray[np.float32], Ids]:
        """Return distances and ids, (q, k') each, ordered by distance, then by id."""
        k = min(k, max(self.count, 1))
        if self._metadata.distance == "cosine":
            queries = exact.unit(queries)
        hidden = np.array(sorted(excluded), np.int64) if excluded else NONE
        if within is None and len(hidden) > EXCLUDED_AS_CANDIDATES:
            within = Selection(self.ids())
        if within is None:
            found = self._among_all(queries, k, hidden[self.rows_of(hidden) >= 0] if len(hidden) else NONE)
            return self._ranked(queries, found, k)
        if len(hidden):
            some = self._of_rows(np.setdiff1d(within.ids, hidden, assume_unique=True))
        else:
            some = within.subset(self, self._of_rows)
        if len(some.ids) <= RANKED_AT_ONCE:
            return self._among_few(queries, k, some)
        return self._ranked(queries, self._among(queries, k, some), k)

    def blocks(self, within: Selection | None, excluded: Collection[int]) -> Iterator[tuple[Ids, Codes]]:
        """Yield ids and codes, float32 (n, d), of `within` or of all images, except excluded ones, ordered by row."""
        ids = self.ids() if within is None else within.ids
        some = self._of_rows(np.setdiff1d(ids, np.array(sorted(excluded), np.int64), assume_unique=True))
        for start in range(0, len(some.ids), CODES_AT_ONCE):
            here = slice(start, start + CODES_AT_ONCE)
            yield some.ids[here], self.codes.take(some.rows[here], axis=0)

    @cached_property
    def codes(self) -> Codes:
        """All committed rows, float32 (rows, d), memory-mapped and read-only."""
        rows, size = self._metadata.code_rows, self._metadata.latent_size
        return code_files.map_codes(self._folder / self._files.codes, rows, size)

    @property
    def count(self) -> int:
        """The number of images."""
        return self.in_base - len(self.gone) + len(self.delta.ids)

    @property
    def in_base(self) -> int:
        """The number of images in the base, including those removed since."""
        return self.base.header.count if self.base else 0

    @cached_property
    def delta(self) -> Delta:
        """The images that are not in the base."""
        return Delta(*self.catalogued.positions_from(self.base.header.rows if self.base else 0))

    @cached_property
    def gone(self) -> Ids:
        """Ids in the base that the catalogue no longer has, ascending."""
        if self.base is None:
            return np.empty(0, np.int64)
        removed = np.array(self.catalogued.removed(), np.int64)
        return removed[self.base.rows_of(removed) >= 0]

    def ids(self) -> Ids:
        """Return the ids of all images, ascending."""
        base = self.base.ids if self.base else np.empty(0, np.int64)
        return np.union1d(np.setdiff1d(base, self.gone, assume_unique=True), self.delta.ids)

    def rows_of(self, ids: Ids) -> Ids:
        """Return the rows of images' codes, int64 of the same shape; -1 for unknown ids."""
        rows = self.base.rows_of(ids) if self.base else np.full(ids.shape, -1, np.int64)
        if len(self.gone):
            rows[np.isin(ids, self.gone)] = -1
        if len(self.delta.ids):
            order = self._delta_by_id
            nearest = np.minimum(np.searchsorted(self.delta.ids, ids, sorter=order), len(order) - 1)
            here = self.delta.ids[order[nearest]] == ids
            rows[here] = self.delta.rows[order[nearest[here]]]
        return rows

    def _among_all(self, queries: Codes, k: int, hidden: Ids) -> Candidates:
        """Find candidates among all images except `hidden`, which must be ids in the index."""
        available = self.count - len(hidden)
        wanted = min(k, available) + len(hidden)
        parts = [self._from_base(queries, wanted)] if self.base is not None else []
        if len(self.delta.ids):
            nearest = exact.nearest_rows(queries, self.codes, self.delta.rows, wanted)
            parts.append((self.delta.ids[np.searchsorted(self.delta.rows, nearest)], nearest))
        found, rows = exact.side_by_side(parts, len(queries))
        if len(hidden):
            rows[np.isin(found, hidden)] = -1
        return Candidates(found, rows, available)

    def _from_base(self, queries: Codes, k: int) -> tuple[Ids, Ids]:
        assert self.base is not None
        tuning = self.base.header.tuning
        if self.base.index_type == FLAT:
            rows = exact.nearest_rows(queries, self.codes, self._live_rows, tuning.candidates(k))
            return self.base.id_of_row[rows], rows
        needed = min(k, self.in_base - len(self.gone))
        allowed = self._live_mask if len(self.gone) else None
        found = self._searched(queries, tuning.candidates(k), needed, tuning.effort(k), allowed)
        return found, self.base.rows_of(found)

    def _searched(
        self, queries: Codes, wanted: int, needed: int, effort: int, allowed: NDArray[np.bool_] | None
    ) -> Ids:
        """Search the base for `needed` ids per query, raising the effort up to the maximum until they are found."""
        assert self.base is not None
        most = self.base.header.tuning.most
        while True:
            found = self.base.search(queries, wanted, effort, allowed)
            # Missing results (-1) come last.
            if effort >= most or needed == 0 or found[:, needed - 1].min() >= 0:
                return found
            effort = min(most, 4 * effort)

    def _among(self, queries: Codes, k: int, some: Subset) -> Candidates:
        """Find candidates among some images."""
        base = self.base
        if base is None or base.index_type == FLAT:
            return self._exactly(queries, k, some)
        in_base = int(np.searchsorted(some.rows, base.header.rows))
        tuning = base.header.tuning
        if in_base == 0 or tuning.prefers_exact(len(some.ids), self.in_base, k):
            return self._exactly(queries, k, some)
        allowed = some.mask(base.header.rows, len(base.holds))
        wanted, effort = tuning.candidates(k), tuning.effort(k * self.in_base / in_base)
        found = self._searched(queries, wanted, min(wanted, in_base), effort, allowed)
        if found[:, min(k, in_base) - 1].min() < 0:
            return self._exactly(queries, k, some)
        if in_base == len(some.ids):
            return Candidates(found, base.rows_of(found), in_base)
        new = self._exactly(queries, k, Subset(some.ids[in_base:], some.rows[in_base:]))
        both = exact.side_by_side([(found, base.rows_of(found)), (new.ids, new.rows)], len(queries))
        return Candidates(*both, in_base + new.available)

    def _among_few(self, queries: Codes, k: int, some: Subset) -> tuple[NDArray[np.float32], Ids]:
        """Return the k nearest of a few images by comparing them all."""
        few = some.few(self.codes, self._metadata.distance)
        if len(queries) == 1:  # assembling arrays for several queries would take as long as the search
            distances, ids = few.nearest(queries[0], k)
            return distances[None].astype(np.float32, copy=False), ids[None]
        found = [few.nearest(query, k) for query in queries]
        shape = len(queries), min(k, len(some.ids))
        all_distances, all_ids = np.empty(shape, np.float32), np.empty(shape, np.int64)
        for row, (distances, ids) in enumerate(found):
            all_distances[row], all_ids[row] = distances, ids
        return all_distances, all_ids

    def _exactly(self, queries: Codes, k: int, some: Subset) -> Candidates:
        if len(some.rows) <= max(RANKED_AT_ONCE, k + SPARE):
            return Candidates(_for_each(queries, some.ids), _for_each(queries, some.rows), len(some.rows))
        nearest = exact.nearest_rows(queries, self.codes, some.rows, k + SPARE)
        return Candidates(some.ids[np.searchsorted(some.rows, nearest)], nearest, len(some.rows))

    def _of_rows(self, ids: Ids) -> Subset:
        rows = self.rows_of(ids)
        if rows.size and rows.min() < 0:
            ids, rows = ids[rows >= 0], rows[rows >= 0]
        if np.any(rows[1:] < rows[:-1]):
            order = np.argsort(rows, kind="stable")
            ids, rows = ids[order], rows[order]
        self._check(rows)
        return Subset(ids, rows)

    def _ranked(self, queries: Codes, found: Candidates, k: int) -> tuple[NDArray[np.float32], Ids]:
        """Return the k nearest candidates by their exact codes."""
        self._check(found.rows)
        k = min(k, found.available)
        distances = np.empty((len(queries), k), np.float32)
        ids = np.empty((len(queries), k), np.int64)
        are_all_there = not found.rows.size or found.rows.min() >= 0
        for row, query in enumerate(queries):
            candidates, rows = found.ids[row], found.rows[row]
            if not are_all_there:
                candidates, rows = candidates[rows >= 0], rows[rows >= 0]
            codes = self.codes.take(rows, axis=0)
            near = exact.nearest_few(query, codes, k)
            exactly = exact.distances_to(query, codes[near], self._metadata.distance)
            order = np.lexsort((candidates[near], exactly))[:k]
            distances[row], ids[row] = exactly[order], candidates[near[order]]
        return distances, ids

    def _check(self, rows: Ids) -> None:
        if rows.size and rows.max() >= len(self.codes):
            raise DamagedIndex(
                f"the files of the index at {self._folder} contradict one another: run `latentsearch check` for details"
            )

    @cached_property
    def _delta_by_id(self) -> Ids:
        return np.argsort(self.delta.ids)

    @cached_property
    def _live_rows(self) -> Ids:
        assert self.base is not None
        live = self.base.id_of_row >= 0
        live[self.base.rows_of(self.gone)] = False
        return np.flatnonzero(live)

    @cached_property
    def _live_mask(self) -> NDArray[np.bool_]:
        assert self.base is not None
        mask = self.base.holds.copy()
        mask[self.gone] = False
        return mask

    def _fitting_base(self, before: FaissFile | None) -> FaissFile | None:
        """Return the base if it is sound and covers this state apart from later changes, else None."""
        path = self._folder / self._files.base
        try:
            base = before if before is not None and before.is_still(path) else FaissFile(path)
        except FileNotFoundError:
            return None
        except DamagedIndex as error:
            self.problem = f"{error}; every code is compared instead, and `latentsearch check` makes it anew"
            return None
        if base.header.uuid != self._metadata.uuid:
            self.problem = f"{path} is of another index; every code is compared instead"
            return None
        self.newest_generation = max(base.header.generation, self._metadata.generation)
        fits = self._metadata.base_generation <= base.header.generation <= self._metadata.generation
        return base if fits else None


def _for_each(queries: Codes, candidates: Ids) -> Ids:
    """Repeat the candidates for every query, (q, c), without copying."""
    return candidates[None] if len(queries) == 1 else np.broadcast_to(candidates, (len(queries), len(candidates)))
