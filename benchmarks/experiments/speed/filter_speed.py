"""Searches under filters, against exact search over the matching images and against the bare FAISS index, widened.

Ours is timed in turn with each of the two separately, because an index search of milliseconds evicts from the caches
the data that a search of microseconds relies on. The bar compares ours with the faster of the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.timing import bar, in_turn, milliseconds
from benchmarks.datasets.synthetic_index import CENTRE, NUMBERS, add_missing_facts, day_of, radius_below
from benchmarks.experiments.speed.bare_search import BareSearch, recall
from benchmarks.experiments.speed.search_speed import P99_TO_MEDIAN, RECALL, K
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.vectors.exact import Selection

SHARES = (0.1, 0.01, 0.0001)
TIMES = 1.5
EVALUATIONS = 7
# The bare index is tried with efforts that grow by this factor.
STEP = 2**0.25

Ids = NDArray[np.int64]
Codes = NDArray[np.float32]
Call = Callable[[int], object]


def measure_filters(folder: Path, queries: Codes) -> list[dict[str, Any]]:
    """Results, recall, times and bars for filters that each let one of SHARES of the images pass.

    For each share, a filter on a label, and filters on a time and on a place that let the same images pass.
    """
    with IndexWriter.open(folder) as writer:
        add_missing_facts(writer)
    with Index.open(folder) as index:
        bare = BareSearch(index, queries, K)
        measured = []
        for share in SHARES:
            label, taken, near = conditions(share)
            measured.append(_measured(index, bare, label, share))
            measured += [_beside_label(_measured(index, bare, one, share), index, one, label) for one in (taken, near)]
        return measured


def conditions(share: float) -> tuple[str, str, str]:
    """Conditions on a label, a time and a place that let the same share of the synthetic images pass."""
    number = round(share * NUMBERS)
    latitude, longitude = CENTRE
    near = f"near={latitude},{longitude},{radius_below(number):.9f}km"
    return f"number<{number}", f"taken<{day_of(number)}", near


def _beside_label(measured: dict[str, Any], index: Index, condition: str, label: str) -> dict[str, Any]:
    """Add how long the condition's evaluation takes compared with that of a label; a time must not take longer."""
    calls: dict[str, Call] = {
        "fact": lambda number: index.matching([condition]),
        "label": lambda number: index.matching([label]),
    }
    found = {name: float(np.median(seconds)) for name, seconds in in_turn(calls, EVALUATIONS, warm_up=1).items()}
    measured["evaluation_to_label"] = found["fact"] / found["label"]
    if condition.startswith("taken"):
        measured["bars"].append(bar("evaluation to that of a label", measured["evaluation_to_label"], TIMES))
    return measured


def _measured(index: Index, bare: BareSearch, condition: str, share: float) -> dict[str, Any]:
    evaluation, selection = _evaluated(index, condition)
    within = selection.ids
    rows = np.sort(bare.row_of_id[within])
    truth, _ = bare.truth(rows)
    found: list[Ids] = [np.empty(0, np.int64)] * len(bare.queries)

    def ours(number: int) -> None:
        found[number] = index.search(bare.queries[number : number + 1], K, within=selection)[1][0]

    exactly: dict[str, Call] = {
        "exactly": lambda number: bare.exactly(number, rows),
        "exactly_in_place": lambda number: bare.exactly_in_place(number, rows),
    }
    times = _beside(ours, "ours", exactly, len(bare.queries))
    fastest, beside = min(times[name]["median_ms"] for name in exactly), times["ours"]
    effort, reached_bare = (None, None) if bare.is_flat else _widened(bare, within, truth)
    if effort is not None:
        parameters = bare.parameters(effort, _mask(bare, within))
        widened: dict[str, Call] = {"widened": lambda number: bare.within(number, parameters)}
        times |= _beside(ours, "ours_beside_widened", widened, len(bare.queries))
        if times["widened"]["median_ms"] < fastest:
            fastest, beside = times["widened"]["median_ms"], times["ours_beside_widened"]
    complete = sum(len(set(ids.tolist()) & set(within.tolist())) == min(K, len(within)) for ids in found)
    reached = recall(np.array(found), truth)
    return {
        "condition": condition,
        "share": share,
        "passing": len(within),
        "evaluation_ms": evaluation,
        "complete": complete / len(found),
        "recall": reached,
        "widened_effort": effort,
        "widened_recall": reached_bare,
        "times": times,
        "bars": [
            bar("queries with k results that pass", complete / len(found), 1.0, at_least=True),
            bar("recall@20 against exact search over the allowed", reached, RECALL, at_least=True),
            bar("median", beside["median_ms"], TIMES * fastest, "ms"),
            bar("99th percentile to median", beside["p99_ms"] / beside["median_ms"], P99_TO_MEDIAN),
        ],
    }


def _beside(ours: Call, name: str, others: dict[str, Call], count: int) -> dict[str, Any]:
    """The times of our search, under a name, in turn with other calls."""
    return {one: milliseconds(seconds) for one, seconds in in_turn({name: ours, **others}, count).items()}


def _evaluated(index: Index, condition: str) -> tuple[float, Selection]:
    """The median milliseconds to evaluate a condition, and the ids that it selects."""
    spent = []
    for _ in range(EVALUATIONS):
        begin = time.perf_counter()
        within = index.matching([condition])
        spent.append(time.perf_counter() - begin)
    return float(np.median(spent)) * 1e3, within


def _mask(bare: BareSearch, within: Ids) -> NDArray[np.bool_]:
    allowed = np.zeros(len(bare.row_of_id), np.bool_)
    allowed[within] = True
    return allowed


def _widened(bare: BareSearch, within: Ids, truth: Ids) -> tuple[int | None, float]:
    """The smallest effort at which the bare index reaches the recall, ranked by exact codes; None if none does.

    The effort is found by bisection on the first queries only.
    """
    queries = min(len(bare.queries), 100)
    mask = _mask(bare, within)

    def reached(effort: int) -> float:
        parameters = bare.parameters(effort, mask)
        found = [bare.within(number, parameters) for number in range(queries)]
        return float(np.mean([np.isin(truth[number], ids).mean() for number, ids in enumerate(found)]))

    most = bare.most_effort
    ladder = sorted({min(most, round(STEP**step)) for step in range(round(np.log(most) / np.log(STEP)) + 2)})
    low, high = 0, len(ladder) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(ladder[middle]) >= RECALL else (middle + 1, high)
    recall_there = reached(ladder[low])
    return (ladder[low] if recall_there >= RECALL else None), recall_there
