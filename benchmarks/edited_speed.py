"""Searches with a label set, which compare every code, against comparing every code without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_speed import K
from benchmarks.timing import in_turn, told
from indexer.index import Index
from latentsearch.directions import fit_directions
from latentsearch.edited_ranking import EditedRanking, Setting
from latentsearch.edited_search import EditedSearch

# As many labels as CelebA has, each 1 on one side of a plane through the codes; learned from so many codes.
LABELS, LEARNED_FROM = 40, 20_000
PRICE, COUNTS_FOR = 0.1, 4.0
QUERIES = 20

Codes = NDArray[np.float32]


def measure_edited(folder: Path, queries: Codes, seed: int) -> dict[str, Any]:
    """Times of one query among all codes, with a label set and as it is, in turn."""
    with Index.open(folder) as index:
        ranking = drawn_ranking(index, seed)
        searches: dict[str, EditedSearch | _Unedited] = {
            "with_a_label_set": EditedSearch(index, ranking, [Setting(0, 1, COUNTS_FOR)]),
            "every_code_compared": _Unedited(index),
        }
        calls = {name: _one_of(search, queries) for name, search in searches.items()}
        times = in_turn(calls, min(QUERIES, len(queries)), warm_up=2)
        return {
            "images": index.count(),
            "labels": LABELS,
            "queries": min(QUERIES, len(queries)),
            "k": K,
            "times": {name: told(seconds) for name, seconds in times.items()},
            "bars": [],
        }


def drawn_ranking(index: Index, seed: int) -> EditedRanking:
    """A ranking by labels that are drawn: what it finds means nothing, what it costs is what any costs."""
    random = np.random.default_rng(seed)
    codes = index.codes(index.neighbours.ids()[:LEARNED_FROM].tolist())
    planes = random.standard_normal((codes.shape[1], LABELS)).astype(np.float32)
    return EditedRanking(fit_directions(codes, ((codes - codes.mean(axis=0)) @ planes > 0).astype(np.int8)), PRICE)


class _Unedited:
    """The same search without labels: every code, block by block."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def search(self, codes: Codes, k: int) -> object:
        nearest = np.empty(0, np.float32)
        for _, some in self._index.code_blocks(None, ()):
            nearest = np.partition(np.concatenate([nearest, 1 - some @ codes[0]]), k)[:k]
        return nearest


def _one_of(search: EditedSearch | _Unedited, queries: Codes) -> Any:
    return lambda number: search.search(queries[number : number + 1], K)
