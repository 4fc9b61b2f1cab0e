"""Pairs of copies, and how they become groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray
from PIL import Image

from latentsearch import candidates as module
from latentsearch.candidates import candidates
from latentsearch.grouping import Verdicts, groups_around_best
from latentsearch.pairs import Pairs

ROWS = 9
PROPERTY = settings(max_examples=100, deadline=None)
pairs_of_rows = some.sets(
    some.tuples(some.integers(0, ROWS - 1), some.integers(0, ROWS - 1)).filter(lambda pair: pair[0] < pair[1])
)
orders = some.permutations(range(ROWS))


def pairs(rows: list[tuple[int, int]]) -> Pairs:
    if not rows:
        return Pairs.none()
    first, second = np.array(rows, np.int64).T
    return Pairs.unknown(first, second)[: len(rows)]


def grouped(
    found: set[tuple[int, int]], unsearched: set[tuple[int, int]], order: list[int]
) -> tuple[list[list[int]], int]:
    """Groups of copies of which a search has found some, and how many pairs were compared beside."""
    compared = 0

    def compare(first: NDArray[np.int64], second: NDArray[np.int64]) -> Pairs:
        nonlocal compared
        asked = list(zip(first.tolist(), second.tolist(), strict=True))
        compared += len(asked)
        return pairs([pair for pair in asked if tuple(sorted(pair)) in unsearched])

    rank = {row: place for place, row in enumerate(order)}
    return groups_around_best(Verdicts(pairs(sorted(found))), rank, compare), compared


@PROPERTY
@given(pairs_of_rows, pairs_of_rows, orders)
def test_groups_are_disjoint_and_each_has_its_best_in_front(
    found: set[tuple[int, int]], unsearched: set[tuple[int, int]], order: list[int]
) -> None:
    groups, _ = grouped(found, unsearched, order)
    members = [row for group in groups for row in group]
    assert len(set(members)) == len(members)
    for group in groups:
        assert len(group) > 1
        assert [order.index(row) for row in group] == sorted(order.index(row) for row in group)
        assert all(tuple(sorted((group[0], row))) in found | unsearched for row in group[1:])


@PROPERTY
@given(pairs_of_rows, orders)
def test_of_two_copies_that_were_found_one_stands_in_a_group(found: set[tuple[int, int]], order: list[int]) -> None:
    groups, _ = grouped(found, set(), order)
    members = {row for group in groups for row in group}
    assert all(first in members or second in members for first, second in found)


def test_the_ends_of_a_chain_are_no_copies() -> None:
    groups, compared = grouped({(0, 1), (1, 2), (2, 3)}, set(), list(range(ROWS)))
    assert groups == [[0, 1], [2, 3]]
    assert compared == 2


def test_the_best_takes_what_no_search_had_compared_with_it() -> None:
    assert grouped({(0, 1), (1, 2)}, {(0, 2)}, list(range(ROWS)))[0] == [[0, 1, 2]]


@PROPERTY
@given(some.lists(some.tuples(some.integers(0, 4), some.integers(5, 9), some.booleans(), some.floats(0, 1, width=32))))
def test_of_a_pair_that_was_found_often_the_most_alike_stays(rows: list[tuple[int, int, bool, float]]) -> None:
    most: dict[tuple[int, int], float] = {}
    for low, high, _, alike in rows:
        most[low, high] = max(alike, most.get((low, high), 0.0))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    low, high, swapped = (np.array(column, np.int64) for column in columns[:3])
    blank = np.zeros((len(rows), 4), np.float32)
    first, second = np.where(swapped, high, low), np.where(swapped, low, high)
    kept = Pairs(first, second, np.zeros(len(rows), bool), blank, np.array(columns[3], np.float32)).best()
    both = zip(kept.pictures.tolist(), kept.references.tolist(), strict=True)
    assert dict(zip(map(tuple, map(sorted, both)), kept.likeness.tolist(), strict=True)) == most


def smooth_pictures(count: int) -> NDArray[np.uint8]:
    """Random light and shade: uint8 (count, 16, 16)."""
    random = np.random.default_rng(0)
    grains = (Image.fromarray(random.integers(0, 256, (6, 6), np.uint8)) for _ in range(count))
    return np.stack([np.asarray(grain.resize((16, 16), Image.Resampling.BICUBIC)) for grain in grains])


@pytest.mark.parametrize("is_large", [False, True])
def test_candidates_are_found_among_few_and_through_an_inverted_file(
    is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGE", 0 if is_large else 10_000)
    pictures = smooth_pictures(600)
    mirrored = pictures[:20, :, ::-1]
    brighter = np.clip(pictures[20:40].astype(np.int64) * 1.2, 0, 255).astype(np.uint8)
    told = []
    everything = np.concatenate([pictures, mirrored, brighter])
    found = candidates(everything, lambda done, total: told.append((done, total)))
    both = np.sort(np.stack([found.pictures, found.references], axis=1), axis=1)
    is_mirrored = dict(zip(map(tuple, both.tolist()), found.mirrored.tolist(), strict=True))
    assert is_mirrored == {(row, 600 + row): row < 20 for row in range(40)}
    assert told == [(640, 640)]


def test_among_none_there_are_no_candidates() -> None:
    assert len(candidates(np.empty((0, 16, 16), np.uint8))) == 0
