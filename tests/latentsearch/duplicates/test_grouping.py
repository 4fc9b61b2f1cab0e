"""Pairs of copies, and how they become groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray
from PIL import Image

from latentsearch.duplicates import candidates as module
from latentsearch.duplicates.candidates import candidates, candidates_by_view
from latentsearch.duplicates.compare.changes import Relation
from latentsearch.duplicates.compare.turns import TURNS, turned_alike
from latentsearch.duplicates.grouping import Verdicts, groups_around_best, twins_of
from latentsearch.duplicates.pairs import TURNED_LESS, Pairs

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
    verdicts = Verdicts(pairs(sorted(found)), compare, lambda judged: [Relation()] * len(judged))
    return groups_around_best(verdicts, rank), compared


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
    kept = Pairs(first, second, np.zeros(len(rows), np.int8), blank, np.array(columns[3], np.float32)).best()
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
    turns = dict(zip(map(tuple, both.tolist()), found.turns.tolist(), strict=True))
    assert turns == {(row, 600 + row): 4 if row < 20 else 0 for row in range(40)}
    assert told == [(640, 640)]


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("turn", range(1, TURNS))
def test_turned_copies_are_candidates_and_the_turn_is_known(
    turn: int, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGE", 0 if is_large else 10_000)
    pictures = smooth_pictures(300)
    found = candidates(np.concatenate([pictures, turned_alike(pictures[:20], turn)]))
    assert len(found) == 20
    for picture, reference, how in zip(found.pictures, found.references, found.turns, strict=True):
        assert abs(picture - reference) == 300
        forwards = how == turn
        # A quarter to the left is a quarter to the right from the other side.
        assert forwards == (picture < reference) or turn not in (1, 3)
        assert how in (turn, {1: 3, 3: 1}.get(turn, turn))


def test_another_view_makes_a_pair() -> None:
    pictures = smooth_pictures(40)
    views, owners = pictures[30:], np.arange(10)
    found = candidates_by_view(pictures[:30], views, owners)
    assert len(found) == 0
    found = candidates_by_view(np.concatenate([pictures[:30], pictures[35:36]]), views, owners)
    assert list(zip(*(sorted(column.tolist()) for column in (found.pictures, found.references)), strict=True)) == [
        (30, 5)
    ]
    assert len(candidates_by_view(pictures, views[:0], owners[:0])) == 0


def test_a_symmetric_picture_is_taken_as_it_is() -> None:
    once = np.array([7]), np.array([9])
    twice = Pairs(*(np.repeat(column, 2) for column in once), np.array([4, 0], np.int8), np.zeros((2, 4), np.float32),
                  np.array([0.99, 0.99 - TURNED_LESS / 2], np.float32))  # fmt: skip
    assert twice.best().turns.tolist() == [0]


def judged(relations: dict[tuple[int, int], Relation]) -> Verdicts:
    def judge(asked: Pairs) -> list[Relation | None]:
        return [relations.get(pair) for pair in zip(asked.pictures.tolist(), asked.references.tolist(), strict=True)]

    return Verdicts(pairs(sorted(relations)), lambda first, second: Pairs.none(), judge)


def test_one_that_has_lost_nothing_takes_the_place_of_one_that_has() -> None:
    verdicts = judged({(0, 1): Relation(first_lacks=("colours",)), (0, 2): Relation(), (1, 2): Relation()})
    assert groups_around_best(verdicts, {0: 0, 1: 1, 2: 2}) == [[1, 0, 2]]


def test_of_two_that_each_have_something_of_their_own_the_better_one_stays_in_front() -> None:
    verdicts = judged({(0, 1): Relation(first_lacks=("date",), second_lacks=("pixels",))})
    assert groups_around_best(verdicts, {0: 0, 1: 1}) == [[0, 1]]


def test_better_ones_in_a_circle_end_all_the_same() -> None:
    worse = Relation(first_lacks=("quality",))
    verdicts = judged({(0, 1): worse, (1, 2): worse, (0, 2): worse.swapped()})
    ((group),) = groups_around_best(verdicts, {0: 0, 1: 1, 2: 2})
    assert sorted(group) == [0, 1, 2]


def test_equal_copies_that_were_altered_alike_are_twins() -> None:
    grey = Relation(("greyed",), second_lacks=("colour",))
    verdicts = judged({
        (0, 1): grey, (0, 2): grey, (0, 3): Relation(("cropped",), second_lacks=("area",)),
        (1, 2): Relation(second_lacks=("quality",)), (2, 3): Relation(), (1, 3): Relation(),
    })  # fmt: skip
    groups = groups_around_best(verdicts, {row: row for row in range(4)})
    assert groups == [[0, 1, 2, 3]]
    assert twins_of(groups, verdicts) == {2: 1}


@given(some.integers(0, 3), some.booleans())
def test_a_relation_swapped_twice_is_itself(quarters: int, mirrored: bool) -> None:
    changes = ("turned", "mirrored") if mirrored else ("turned",)
    relation = Relation(changes, 90 * quarters, ("date",), ("pixels",))
    assert relation.swapped().swapped() == relation
    assert relation.swapped().first_lacks == ("pixels",)


def test_among_none_there_are_no_candidates() -> None:
    assert len(candidates(np.empty((0, 16, 16), np.uint8))) == 0
