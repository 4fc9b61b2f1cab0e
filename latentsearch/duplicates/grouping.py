"""Pairs of copies -> groups, each around the best of them.

Every member of a group is a copy of its best picture itself, not of a copy of a copy: along a chain of slight
changes the ends would be different pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from latentsearch.duplicates.compare.changes import Relation
from latentsearch.duplicates.pairs import Pairs
from latentsearch.duplicates.results import SAME, Tie

# Two arrays of rows -> the pairs of them that look like copies.
Compare = Callable[[NDArray[np.int64], NDArray[np.int64]], Pairs]
# Pairs -> what the picture and the reference of each are to one another, None for no copies.
Judge = Callable[[Pairs], Sequence[Relation | None]]

# Each member that is not a plain copy of the best is compared with this many members before it.
TWINS_COMPARED = 8


class Verdicts:
    """What two rows are to one another, as far as they were compared and judged."""

    def __init__(self, pairs: Pairs, compare: Compare, judge: Judge) -> None:
        self.pairs = pairs
        self._compare = compare
        self._judge = judge
        self._places = dict(zip(keys(pairs), range(len(pairs)), strict=True))
        # From the lesser row to the greater.
        self._relations: dict[tuple[int, int], Relation | None] = {}

    def of(self, first: int, second: int) -> Relation | None:
        """What two rows are, from the first to the second; None where they are no copies, or were not asked about."""
        relation = self._relations.get(_ordered(first, second))
        return relation if relation is None or first < second else relation.swapped()

    def add(self, pairs: Pairs) -> None:
        """Judge more pairs at once, of which most may show two pictures, and keep those that do not."""
        relations = self._judge(pairs)
        pairs = pairs[np.array([relation is not None for relation in relations], bool)]
        self._places |= dict(zip(keys(pairs), range(len(self.pairs), len(self.pairs) + len(pairs)), strict=True))
        self.pairs = Pairs.joined([self.pairs, pairs])
        known = (relation for relation in relations if relation is not None)
        self._note(pairs, known)

    def ask(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Compare and judge two rows each, where that was not done yet."""
        asked = [key for key in dict.fromkeys(_ordered(*pair) for pair in wanted) if key not in self._relations]
        unknown = [key for key in asked if key not in self._places]
        if unknown:
            first, second = np.array(unknown, np.int64).T
            found = self._compare(first, second)
            self._places |= dict(zip(keys(found), range(len(self.pairs), len(self.pairs) + len(found)), strict=True))
            self.pairs = Pairs.joined([self.pairs, found])
        self._relations.update(dict.fromkeys(asked))
        alike = [key for key in asked if key in self._places]
        if not alike:
            return
        pairs = self.pairs[np.array([self._places[key] for key in alike])]
        self._note(pairs, self._judge(pairs))

    def _note(self, pairs: Pairs, relations: Iterable[Relation | None]) -> None:
        for key, picture, relation in zip(keys(pairs), pairs.pictures.tolist(), relations, strict=True):
            self._relations[key] = relation if relation is None or picture == key[0] else relation.swapped()


def groups_around_best(verdicts: Verdicts, rank: Mapping[int, int]) -> list[list[int]]:
    """Groups of rows, the best first, none of them in two.

    rank: of each row; the least is the best as far as single files tell. The best of those that hang together takes all
    that are its copies; one of these that has lost nothing, where it has, takes its place. Then the best of the rest
    does.
    """
    waiting = [sorted(rows, key=lambda row: rank[row]) for rows in _hanging_together(verdicts.pairs)]
    groups = []
    were_best: set[int] = set()
    while waiting:
        verdicts.ask((rows[0], other) for rows in waiting for other in rows[1:])
        rest = []
        for rows in waiting:
            best, *others = rows
            were_best.add(best)
            better = [row for row in others if _is_better(verdicts.of(row, best)) and row not in were_best]
            if better:
                rest.append([better[0], *(row for row in rows if row != better[0])])
                continue
            copies = [row for row in others if verdicts.of(best, row) is not None]
            if copies:
                groups.append([best, *sorted(copies, key=lambda row: rank[row])])
            rest.append(sorted((row for row in others if verdicts.of(best, row) is None), key=lambda row: rank[row]))
        waiting = [rows for rows in rest if len(rows) > 1]
    return groups


def twins_of(groups: Sequence[Sequence[int]], verdicts: Verdicts) -> dict[int, int]:
    """Members that are no plain copies of the best of their group, but are of another such member -> that member."""
    altered = [[row for row in others if not _may_go(verdicts.of(best, row))] for best, *others in groups]
    bests = {row: group[0] for group in groups for row in group}

    def before(rows: Sequence[int], place: int) -> list[int]:
        changes = [verdicts.of(bests[row], row) for row in rows[: place + 1]]
        told = [relation.changes if relation else () for relation in changes]
        return [row for row, change in zip(rows[:place], told[:place], strict=True) if change == told[place]][
            :TWINS_COMPARED
        ]

    verdicts.ask((other, row) for rows in altered for place, row in enumerate(rows) for other in before(rows, place))
    twins: dict[int, int] = {}
    for rows in altered:
        for place, row in enumerate(rows):
            kept = (other for other in before(rows, place) if other not in twins and _may_go(verdicts.of(other, row)))
            twin = next(kept, None)
            if twin is not None:
                twins[row] = twin
    return twins


def _may_go(relation: Relation | None) -> bool:
    """Whether the second of two is a plain copy of the first, with nothing of its own."""
    return relation is not None and Tie.of(relation).may_go((SAME,))


def _is_better(relation: Relation | None) -> bool:
    return relation is not None and relation.first_is_better


def _hanging_together(pairs: Pairs) -> list[list[int]]:
    """Rows that are joined by a chain of pairs."""
    parent: dict[int, int] = {}

    def root(row: int) -> int:
        while parent.setdefault(row, row) != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second in keys(pairs):
        parent[root(first)] = root(second)
    together: dict[int, list[int]] = {}
    for row in list(parent):
        together.setdefault(root(row), []).append(row)
    return list(together.values())


def keys(pairs: Pairs) -> list[tuple[int, int]]:
    """The two rows of each pair, the lesser first."""
    return list(map(_ordered, pairs.pictures.tolist(), pairs.references.tolist()))


def _ordered(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)
