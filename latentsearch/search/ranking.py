"""Rank the pictures of an index by their distance from query codes, under the options of a search."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.images import ImageRecord, megapixels
from indexer.encoders.encoder import Encoder
from indexer.index.index import Index
from indexer.vectors.exact import Selection
from latentsearch.query import SIMILARITY, FaceBox, Hit, Label, Name, Options, Stopwatch

if TYPE_CHECKING:
    from indexer.index.faces import FaceSpace
    from latentsearch.attributes.search import EditedSearch

# The first search fetches this many spare results to make up for copies of the query that are left out. If a picture
# has more copies, its code is searched for again.
COPIES = 4


class Finder:
    """Finds hits in one index under fixed options, for any number of query codes.

    edited: the search with labels set; None if no label is set by directions. faces: the faces to find, with their
    encoder, instead of whole pictures.
    matching: how many pictures satisfy the conditions of the options; None without conditions.
    cutoff: the greatest distance that `within` allows; None without it.
    """

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        options: Options,
        watch: Stopwatch,
        edited: EditedSearch | None = None,
        faces: FaceSpace | None = None,
    ) -> None:
        self._index = index
        self._faces = faces
        self._space: Index | FaceSpace = index if faces is None else faces
        self._edited = edited
        self._encoder = encoder
        self._options = options
        self._within: Selection | None = None
        if options.filtered:
            with watch.stage("filter"):
                self._within = self._space.matching(options.where, options.under)
        self.matching = None if self._within is None else len(self._within)
        self.cutoff: float | None = None
        if options.within is not None:
            from latentsearch.search.cutoff import cutoff_distance

            with watch.stage("search"):
                self.cutoff = cutoff_distance(self._space, encoder, options.within)

    def hits(self, codes: NDArray[np.float32], themselves: Sequence[Excluded]) -> list[tuple[Hit, ...]]:
        """Return the hits of each code, float32 (q, d). themselves: for each code, the pictures to leave out."""
        if self.matching == 0:
            return [()] * len(codes)
        wanted = self._options.candidates
        nearest = nearest_others(self._space, self._search(), codes, wanted, themselves, self._within)
        chosen = [self._chosen(neighbours) for neighbours in nearest]
        if self._edited is not None:
            chosen = list(map(self._with_own_distances, codes, chosen))
        ids = list({found.record.id for neighbours in chosen for found in neighbours})
        labels, predicted, facts = self._index.labels(ids), self._index.predicted_labels(ids), self._index.facts(ids)
        return [self._sorted(self._ranked(neighbours, labels, predicted, facts)) for neighbours in chosen]

    def _search(self) -> Search:
        if self._edited is None:
            return self._space.search
        return partial(self._edited.search, near=self._are_near) if self._options.bounded else self._edited.search

    def _with_own_distances(self, code: NDArray[np.float32], neighbours: list[Neighbour]) -> list[Neighbour]:
        """Replace the distances with labels set by the plain distances from the query."""
        assert self._edited is not None
        records, ids = [found.record for found in neighbours], [found.id for found in neighbours]
        return list(map(Neighbour, self._edited.own_distances(code, ids), records, ids))

    def _are_near(self, distances: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which distances satisfy max_distance, within and min_similarity."""
        options = self._options
        near = np.full(distances.shape, True)
        for limit in (options.max_distance, self.cutoff):
            if limit is not None:
                near &= distances <= limit
        if options.min_similarity is not None:
            near &= self._encoder.similarity(distances) >= options.min_similarity
        return near

    def _chosen(self, neighbours: list[Neighbour]) -> list[Neighbour]:
        """Drop the neighbours that are too far away; for a diverse ranking, choose k of the rest."""
        if self._options.bounded:
            distances = np.array([found.distance for found in neighbours])
            near = np.isfinite(distances) if self._edited else self._are_near(distances)
            neighbours = list(compress(neighbours, near))
        return neighbours if self._options.diverse is None else self._diverse(neighbours, self._options.diverse)

    def _diverse(self, neighbours: list[Neighbour], weight: float) -> list[Neighbour]:
        from latentsearch.search.diversity import diverse_order

        distances = np.array([found.distance for found in neighbours], np.float32)
        codes = self._space.codes([found.id for found in neighbours])
        order = diverse_order(distances, codes, self._options.k, weight, self._space.distance)
        return [neighbours[row] for row in order]

    def _sorted(self, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        if self._options.sort == SIMILARITY:
            return hits
        from latentsearch.search.order import in_order

        return in_order(hits, self._options.sort)

    def _ranked(
        self,
        neighbours: list[Neighbour],
        labels: dict[int, dict[str, Label]],
        predicted: dict[int, set[str]],
        facts: dict[int, dict[str, Label]],
    ) -> tuple[Hit, ...]:
        similarities = self._encoder.similarity([found.distance for found in neighbours]).tolist()
        ranked = enumerate(zip(neighbours, similarities, self._boxes(neighbours), strict=True), start=1)
        return tuple(
            Hit(
                rank,
                record.id,
                record.path,
                distance,
                similarity,
                labels.get(record.id, {}),
                frozenset(predicted.get(record.id, ())),
                bool(record.incomplete),
                face,
                {**facts.get(record.id, {}), "megapixels": megapixels(record.width, record.height)},
            )
            for rank, ((distance, record, _), similarity, face) in ranked
        )

    def _boxes(self, neighbours: list[Neighbour]) -> list[FaceBox | None]:
        if self._faces is None:
            return [None] * len(neighbours)
        records = self._faces.faces([found.id for found in neighbours])
        return [FaceBox(record.id, record.box, record.score) for record in records]


class Search(Protocol):
    """A function with the signature of `Index.search`."""

    def __call__(
        self,
        codes: NDArray[np.float32],
        k: int,
        exclude_ids: Sequence[int] = (),
        within: Selection | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the distances and ids of the k nearest images of each code, (q, k) each."""


class Neighbour(NamedTuple):
    """An image, the distance of its code or a face's from the query's, and the id that the search returned."""

    distance: float
    record: ImageRecord
    id: int


@dataclass(frozen=True)
class Excluded:
    """The images that --exclude-self leaves out: by id, and by the SHA-256 of their contents. Empty by default."""

    ids: frozenset[int] = frozenset()
    digests: frozenset[bytes] = frozenset()

    @classmethod
    def of(
        cls, files: Sequence[Name], contents: Sequence[bytes], stored: Sequence[ImageRecord], index: Index
    ) -> Excluded:
        """Collect the ids and digests of queried files, given with their contents, and of stored images."""
        digests = [hashlib.sha256(content).digest() for content in contents]
        ids = [image_id for path in files if isinstance(path, Path) for image_id in ids_at(path, index)]
        return cls(
            frozenset([*ids, *(record.id for record in stored)]),
            frozenset([*digests, *(record.digest for record in stored)]),
        )

    def has(self, record: ImageRecord) -> bool:
        """Whether an image is a queried one or an exact copy of one."""
        return record.id in self.ids or record.digest in self.digests


def ids_at(path: str | Path, index: Index) -> list[int]:
    """Return the ids of the images stored under a path and under the path it resolves to."""
    stored = (index.id_of(name) for name in sorted({os.path.abspath(path), os.path.realpath(path)}))
    return [image_id for image_id in stored if image_id is not None]


def nearest_others(
    index: Index | FaceSpace,
    search: Search,
    codes: NDArray[np.float32],
    k: int,
    themselves: Sequence[Excluded],
    within: Selection | None,
) -> list[list[Neighbour]]:
    """Return the k nearest images or faces of each code (q, d), by ascending distance; fewer if there are no more.

    search: `Index.search`, or another function with its signature. themselves: for each code, the images to leave out.
    within: the images to search; None for all.
    """
    spare = max(len(itself.ids) + COPIES if itself != Excluded() else 0 for itself in themselves)
    distances, ids = search(codes, k + spare, within=within)
    known = np.unique(ids).tolist()
    records = dict(zip(known, index.images(known), strict=True))
    found = []
    for code, itself, row_distances, row_ids in zip(codes, themselves, distances.tolist(), ids.tolist(), strict=True):
        row = [
            Neighbour(distance, records[found_id], found_id)
            for distance, found_id in zip(row_distances, row_ids, strict=True)
        ]
        others = [neighbour for neighbour in row if not itself.has(neighbour.record)]
        if len(others) < k and len(row) == k + spare:
            others = _one_by_one(index, search, code, k, itself, within)
        found.append(others[:k])
    return found


def _one_by_one(
    index: Index | FaceSpace,
    search: Search,
    code: NDArray[np.float32],
    k: int,
    itself: Excluded,
    within: Selection | None,
) -> list[Neighbour]:
    """Search for one code, excluding the copies of the query that turn up, until a search returns none."""
    excluded = index.owned_by(itself.ids)
    while True:
        distances, ids = search(code[None], k, exclude_ids=sorted(excluded), within=within)
        found = ids[0].tolist()
        records = index.images(found)
        copies = {found_id for found_id, record in zip(found, records, strict=True) if itself.has(record)}
        if not copies:
            return list(map(Neighbour, distances[0].tolist(), records, found))
        excluded |= copies
