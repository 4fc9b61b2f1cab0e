"""Codes -> ranked hits, by what was asked for: filtered, near enough, diverse."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import Encoder
from indexer.index.index import Index
from latentsearch.attributes.search import EditedSearch
from latentsearch.query import Options
from latentsearch.results import Hit, Label, Stopwatch
from latentsearch.search.exclude_self import Excluded, Neighbour, Search, nearest_others


class Finder:
    """Finds hits in one index, for as many codes as come, by the same options.

    edited: what searches where labels are set, None where none are.
    matching: for how many pictures the options' conditions hold, None where they have none.
    """

    def __init__(
        self, index: Index, encoder: Encoder, options: Options, watch: Stopwatch, edited: EditedSearch | None = None
    ) -> None:
        self._index = index
        self._edited = edited
        self._encoder = encoder
        self._options = options
        self._within: NDArray[np.int64] | None = None
        if options.filtered:
            with watch.stage("filter"):
                self._within = index.matching(options.where, options.under)
        self.matching = None if self._within is None else len(self._within)

    def hits(self, codes: NDArray[np.float32], themselves: Sequence[Excluded]) -> list[tuple[Hit, ...]]:
        """The hits of each code (q, d); themselves: what to leave out, for each."""
        if self.matching == 0:
            return [()] * len(codes)
        wanted = self._options.candidates
        nearest = nearest_others(self._index, self._search(), codes, wanted, themselves, self._within)
        chosen = [self._chosen(neighbours) for neighbours in nearest]
        if self._edited is not None:
            chosen = list(map(self._with_own_distances, codes, chosen))
        ids = list({record.id for neighbours in chosen for _, record in neighbours})
        labels, predicted = self._index.labels(ids), self._index.predicted_labels(ids)
        return [self._ranked(neighbours, labels, predicted) for neighbours in chosen]

    def _search(self) -> Search:
        if self._edited is None:
            return self._index.search
        return partial(self._edited.search, near=self._are_near) if self._options.bounded else self._edited.search

    def _with_own_distances(self, code: NDArray[np.float32], neighbours: list[Neighbour]) -> list[Neighbour]:
        """The same pictures, with how far they are from the query as it is."""
        assert self._edited is not None
        records = [found.record for found in neighbours]
        return list(map(Neighbour, self._edited.own_distances(code, [record.id for record in records]), records))

    def _are_near(self, distances: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which distances are as small as was asked for."""
        options = self._options
        near = np.full(distances.shape, True)
        if options.max_distance is not None:
            near &= distances <= options.max_distance
        if options.min_similarity is not None:
            near &= self._encoder.similarity(distances) >= options.min_similarity
        return near

    def _chosen(self, neighbours: list[Neighbour]) -> list[Neighbour]:
        """Those near enough, and of these as many as were asked for."""
        if self._options.bounded:
            distances = np.array([found.distance for found in neighbours])
            near = np.isfinite(distances) if self._edited else self._are_near(distances)
            neighbours = list(compress(neighbours, near))
        return neighbours if self._options.diverse is None else self._diverse(neighbours, self._options.diverse)

    def _diverse(self, neighbours: list[Neighbour], weight: float) -> list[Neighbour]:
        from latentsearch.search.diversity import diverse_order

        distances = np.array([found.distance for found in neighbours], np.float32)
        codes = self._index.codes([found.record.id for found in neighbours])
        order = diverse_order(distances, codes, self._options.k, weight, self._index.distance)
        return [neighbours[place] for place in order]

    def _ranked(
        self, neighbours: list[Neighbour], labels: dict[int, dict[str, Label]], predicted: dict[int, set[str]]
    ) -> tuple[Hit, ...]:
        similarities = self._encoder.similarity([found.distance for found in neighbours]).tolist()
        ranked = enumerate(zip(neighbours, similarities, strict=True), start=1)
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
            )
            for rank, ((distance, record), similarity) in ranked
        )
