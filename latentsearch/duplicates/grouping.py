"""Form groups of copies around their best pictures.

Every member of a group is a direct copy of the best, not a copy of a copy: the two ends of a chain of slight changes
may be different pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from latentsearch.duplicates.compare.changes import Relation
from latentsearch.duplicates.pairs import Pairs
from latentsearch.duplicates.results import SAME, Tie

# Takes two arrays of rows, and returns the pairs of them that look like copies.
Compare = Callable[[NDArray[np.int64], NDArray[np.int64]], Pairs]
# Takes pairs, and returns the relation from the picture to the reference of each; None if they are not copies.
Judge = Callable[[Pairs], Sequence[Relation | None]]

# Each member that is not a plain copy of the best is compared with up to this many earlier members that have the same
# changes.
TWINS_COMPARED = 8


class Verdicts:
    """Compares and judges pairs of rows on demand, and remembers the relations."""

    def __init__(self, pairs: Pairs, compare: Compare, judge: Judge) -> None:
        self.pairs = pairs
        self._compare = compare
        self._judge = judge
        self._row_of = dict(zip(keys(pairs), range(len(pairs)), strict=True))
        # Relations from the lesser row to the greater.
        self._relations: dict[tuple[int, int], Relation | None] = {}

    def of(self, first: int, second: int) -> Relation | None:
        """Return the relation from the first row to the second; None if they are not copies, or not judged yet."""
        relation = self._relations.get(_ordered(first, second))
        return relation if relation is None or first < second else relation.swapped()

    def add(self, pairs: Pairs) -> None:
        """Judge further pairs, and keep only those that are copies."""
        relations = self._judge(pairs)
        pairs = pairs[np.array([relation is not None for relation in relations], bool)]
        self._row_of |= dict(zip(keys(pairs), range(len(self.pairs), len(self.pairs) + len(pairs)), strict=True))
        self.pairs = Pairs.joined([self.pairs, pairs])
        known = (relation for relation in relations if relation is not None)
        self._note(pairs, known)

    def ask(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Compare and judge the pairs of rows that have not been judged yet."""
        asked = [key for key in dict.fromkeys(_ordered(*pair) for pair in wanted) if key not in self._relations]
        unknown = [key for key in asked if key not in self._row_of]
        if unknown:
            first, second = np.array(unknown, np.int64).T
            found = self._compare(first, second)
            self._row_of |= dict(zip(keys(found), range(len(self.pairs), len(self.pairs) + len(found)), strict=True))
            self.pairs = Pairs.joined([self.pairs, found])
        self._relations.update(dict.fromkeys(asked))
        alike = [key for key in asked if key in self._row_of]
        if not alike:
            return
        pairs = self.pairs[np.array([self._row_of[key] for key in alike])]
        self._note(pairs, self._judge(pairs))

    def _note(self, pairs: Pairs, relations: Iterable[Relation | None]) -> None:
        for key, picture, relation in zip(keys(pairs), pairs.pictures.tolist(), relations, strict=True):
            self._relations[key] = relation if relation is None or picture == key[0] else relation.swapped()


def groups_around_best(verdicts: Verdicts, rank: Mapping[int, int]) -> list[list[int]]:
    """Form disjoint groups of rows, the best of each first.

    rank: a number per row, least for the best, judged by single files. Within each connected component, the row of
    least rank takes its direct copies. If that row has lost something that a copy still has, and the copy has lost
    nothing, the copy becomes the best instead. The rows left over form further groups in the same way.
    """
    waiting = [sorted(rows, key=lambda row: rank[row]) for rows in _connected(verdicts.pairs)]
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
    """Map members that are not plain copies of the best to an earlier member of which they are plain copies."""
    altered = [[row for row in others if not _may_go(verdicts.of(best, row))] for best, *others in groups]
    bests = {row: group[0] for group in groups for row in group}

    def before(rows: Sequence[int], end: int) -> list[int]:
        changes = [verdicts.of(bests[row], row) for row in rows[: end + 1]]
        named = [relation.changes if relation else () for relation in changes]
        return [row for row, change in zip(rows[:end], named[:end], strict=True) if change == named[end]][
            :TWINS_COMPARED
        ]

    verdicts.ask((other, row) for rows in altered for end, row in enumerate(rows) for other in before(rows, end))
    twins: dict[int, int] = {}
    for rows in altered:
        for end, row in enumerate(rows):
            kept = (other for other in before(rows, end) if other not in twins and _may_go(verdicts.of(other, row)))
            twin = next(kept, None)
            if twin is not None:
                twins[row] = twin
    return twins


def _may_go(relation: Relation | None) -> bool:
    """Whether the second of two pictures is a plain copy of the first and has nothing that the first lacks."""
    return relation is not None and Tie.of(relation).may_go((SAME,))


def _is_better(relation: Relation | None) -> bool:
    return relation is not None and relation.first_is_better


def _connected(pairs: Pairs) -> list[list[int]]:
    """Return the connected components of the graph of pairs, by union-find."""
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
    """Return the two rows of each pair, the lesser first."""
    return list(map(_ordered, pairs.pictures.tolist(), pairs.references.tolist()))


def _ordered(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)
