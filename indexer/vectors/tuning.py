"""Measures how much effort a FAISS index needs for a target recall, against exact search on its own codes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.vectors import exact
from indexer.vectors.faiss_file import SPARE, Tuning, inverted_lists

K = 20
# Larger values of k at which the lists to probe are also measured: searching for 20 results through a filter that one
# image in ten passes needs the lists of the nearest 200.
LARGER = (200, 2_000)
QUERIES = 128
# Allowance for the sampling error of QUERIES queries.
MARGIN = 0.005
# Candidates to re-rank, as multiples of k. FACTORS[0] suits index types that lose almost no precision.
FACTORS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
STEP = 2**0.25

Ids = NDArray[np.int64]
# Takes (queries, wanted, effort) and returns ids (q, wanted).
Search = Callable[[NDArray[np.float32], int, int], Ids]


def tune(
    index: Any, search: Search, codes: NDArray[np.float32], ids: Ids, rows: Ids, target: float, most: int
) -> Tuning:
    """Find the least effort that reaches a recall@20 of `target`, with queries sampled from the codes.

    codes: the array of all codes. ids, rows: int64 (n,) each, the images and the rows of their codes, ascending by row.
    most: the greatest effort to try.
    """
    sample = np.sort(np.random.default_rng(0).choice(len(rows), min(QUERIES, len(rows)), replace=False))
    queries = np.asarray(codes[rows[sample]])
    levels = [k for k in (K, *LARGER) if k < len(rows) // 4] or [min(K, len(rows) - 1)]
    truth = _without_itself(exact.nearest_rows(queries, codes, rows, levels[-1] + 1), rows[sample])

    def recall(factor: float, effort: int) -> float:
        wanted = min(len(rows), math.ceil(levels[0] * factor) + SPARE)
        found = search(queries, wanted, effort)
        nearest = _ids_of(truth[:, : levels[0]], ids, rows)
        return float(np.mean([np.isin(true, some).mean() for true, some in zip(nearest, found, strict=True)]))

    enough = target + (1 - target) / 2
    factor = next((factor for factor in FACTORS if recall(factor, most) >= enough), FACTORS[-1])
    ladder = _ladder(most)
    first = _first(ladder, lambda effort: recall(factor, effort) >= min(1.0, target + MARGIN))
    efforts = [(levels[0], first)]
    # If re-ranking has too few candidates, probe more lists to make up for it.
    share = min(1.0, (target + MARGIN) / recall(factor, most))
    lists = inverted_lists(index)
    # Behind an IndexPreTransform, the lists hold transformed codes, which cannot be compared with these.
    if lists is not None and hasattr(index, "nprobe"):
        needed = _lists_needed(lists, queries, codes, truth)
        for k in levels[1:]:
            efforts.append((k, max(efforts[-1][1], _quantile(needed[:, :k], share))))
    return Tuning(target, recall(factor, first), factor, tuple(efforts), lists.nlist if lists else 0, most)


def _without_itself(found: Ids, itself: Ids) -> Ids:
    """Drop each query's own row from (q, k + 1) rows; if a duplicate hides it, drop the last row instead."""
    kept = found != itself[:, None]
    kept[kept.all(axis=1), -1] = False
    return np.asarray(found[kept].reshape(len(found), -1))


def _ids_of(found: Ids, ids: Ids, rows: Ids) -> Ids:
    return np.asarray(ids[np.searchsorted(rows, found)])


def _ladder(most: int) -> list[int]:
    """Return efforts from 1 to `most`, each about 1.2 times the one before."""
    steps = {min(most, round(STEP**step)) for step in range(math.ceil(math.log(most, STEP)) + 1)}
    return sorted(steps)


def _first(ladder: list[int], is_enough: Callable[[int], bool]) -> int:
    """Return the least sufficient effort by bisection, or the greatest if none is sufficient."""
    low, high = 0, len(ladder) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(ladder[middle]) else (middle + 1, high)
    return ladder[low]


def _lists_needed(lists: Any, queries: NDArray[np.float32], codes: NDArray[np.float32], truth: Ids) -> Ids:
    """Return how many lists must be probed to reach each true neighbour: int64 like truth (q, k)."""
    order = lists.quantizer.search(exact.pad(queries, lists.d), lists.nlist)[1]
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(lists.nlist)[None], axis=1)
    needed = np.empty_like(truth)
    for row, neighbours in enumerate(truth):
        own = lists.quantizer.search(exact.pad(codes[neighbours], lists.d), 1)[1][:, 0]
        needed[row] = rank[row, own] + 1
    return needed


def _quantile(needed: Ids, share: float) -> int:
    return int(np.quantile(needed, share, method="higher"))
