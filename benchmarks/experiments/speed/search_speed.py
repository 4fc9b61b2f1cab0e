"""Searches in the open engine, against FAISS and SQLite called directly on its files, in turn for each query."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.timing import bar, in_turn, milliseconds
from benchmarks.datasets.synthetic_codes import random_pair_distance
from benchmarks.experiments.speed.bare_search import BareSearch, BareSql, recall
from indexer.index.index import Index
from indexer.index.status import status_of

K = 20
RECALL = 0.95
# The allowed overhead over bare FAISS, a share of its time or this many milliseconds, whichever is larger; and the
# allowed multiple of bare reads.
SHARE, LEAST_MS, TIMES = 0.25, 0.2, 1.5
P99_TO_MEDIAN = 4.0

Codes = NDArray[np.float32]


def measure_search(folder: Path, queries: Codes) -> dict[str, Any]:
    """Recall, and medians and 99th percentiles of bare ids and of results with paths and labels; the bars."""
    with Index.open(folder) as index:
        bare, sql = BareSearch(index, queries, K), BareSql(folder)
        truth, distances = bare.truth()
        found = np.zeros((len(queries), K), np.int64)
        candidates = [bare.row_of_id[bare.ids(number)] for number in range(len(queries))] if not bare.is_flat else []

        def ids_and_distances(number: int) -> None:
            found[number] = index.search(queries[number : number + 1], K)[1][0]

        def with_paths_and_labels(number: int) -> None:
            ids = index.search(queries[number : number + 1], K)[1][0].tolist()
            index.images(ids), index.labels(ids)

        calls: dict[str, Callable[[int], object]] = {
            "ours": ids_and_distances,
            "bare_faiss": bare.ids,
            "ours_with_paths_and_labels": with_paths_and_labels,
            "bare_sql": lambda number: sql.rows(truth[number].tolist()),
        }
        if not bare.is_flat:
            calls["bare_read"] = lambda number: bare.codes[candidates[number]]
        times = {name: milliseconds(seconds) for name, seconds in in_turn(calls, len(queries)).items()}
        reached = recall(found, truth)
        return {
            "images": index.count(),
            "queries": len(queries),
            "k": K,
            "vectors": status_of(index)["vectors"],
            "ratio": float(np.median(distances[:, -1])) / random_pair_distance(bare.codes),
            "recall": reached,
            "times": times,
            "bars": _bars(reached, times),
        }


def _bars(reached: float, times: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    bare, ours, full = (times[name] for name in ("bare_faiss", "ours", "ours_with_paths_and_labels"))
    limit = bare["median_ms"] + max(SHARE * bare["median_ms"], LEAST_MS)
    if "bare_read" in times:
        limit += TIMES * times["bare_read"]["median_ms"]
    with_sql = limit + TIMES * times["bare_sql"]["median_ms"]
    return [
        bar("recall@20", reached, RECALL, at_least=True),
        bar("median, ids and distances", ours["median_ms"], limit, "ms"),
        bar("median, with paths and labels", full["median_ms"], with_sql, "ms"),
        bar("99th percentile to median, ids and distances", ours["p99_ms"] / ours["median_ms"], P99_TO_MEDIAN),
        bar("99th percentile to median, with paths and labels", full["p99_ms"] / full["median_ms"], P99_TO_MEDIAN),
    ]
