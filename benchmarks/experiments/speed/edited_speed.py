"""Searches with a label set, which compare every code, against plain comparison of every code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.timing import in_turn, milliseconds
from benchmarks.experiments.speed.search_speed import K
from indexer.index.index import Index
from latentsearch.attributes.directions import fit_directions
from latentsearch.attributes.ranking import EditedRanking, Setting
from latentsearch.attributes.search import EditedSearch

# As many labels as CelebA has, each 1 on one side of a random plane through the codes, and the number of codes to learn
# from.
LABELS, LEARNED_FROM = 40, 20_000
PRICE, COUNTS_FOR = 0.1, 4.0
QUERIES = 20

Codes = NDArray[np.float32]


def measure_edited(folder: Path, queries: Codes, seed: int) -> dict[str, Any]:
    """Times in ms of single queries from (q, d) over all codes, with a label set and without, in turn."""
    queries = queries[:QUERIES]
    with Index.open(folder) as index:
        edited = EditedSearch(index, drawn_ranking(index, seed), [Setting(0, 1, COUNTS_FOR)])
        calls: dict[str, Callable[[int], object]] = {
            "with_a_label_set": lambda number: edited.search(queries[number : number + 1], K),
            "every_code_compared": lambda number: compare_all(index, queries[number]),
        }
        times = in_turn(calls, len(queries), warm_up=2)
        return {
            "images": index.count(),
            "labels": LABELS,
            "queries": len(queries),
            "k": K,
            "times": {name: milliseconds(seconds) for name, seconds in times.items()},
            "bars": [],
        }


def drawn_ranking(index: Index, seed: int) -> EditedRanking:
    """A ranking by random labels: its results are meaningless, but its cost is representative."""
    random = np.random.default_rng(seed)
    codes = index.codes(index.vectors.ids()[:LEARNED_FROM].tolist())
    planes = random.standard_normal((codes.shape[1], LABELS)).astype(np.float32)
    return EditedRanking(fit_directions(codes, ((codes - codes.mean(axis=0)) @ planes > 0).astype(np.int8)), PRICE)


def compare_all(index: Index, query: Codes) -> Codes:
    """The K smallest cosine distances of a code (d,) of length 1, in the same blocks as edited searches."""
    nearest = np.empty(0, np.float32)
    for _, codes in index.code_blocks(None, ()):
        nearest = np.concatenate([nearest, 1 - codes @ query])
        nearest = np.partition(nearest, K - 1)[:K]
    return nearest
