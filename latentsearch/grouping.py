"""Pairs of copies -> groups, each around the best of them.

Every member of a group is a copy of its best picture itself, not of a copy of a copy: along a chain of slight
changes the ends would be different pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from latentsearch.pairs import Pairs

# Two arrays of rows -> the pairs of them that are copies.
Compare = Callable[[NDArray[np.int64], NDArray[np.int64]], Pairs]


class Verdicts:
    """Which two rows are copies, as far as they were compared: the number of their pair in `pairs`, None for no."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self._found: dict[tuple[int, int], int | None] = {}
        self._note(pairs, 0)

    def of(self, first: int, second: int) -> int | None:
        """The number of the pair of two rows, None where they are no copies, or were not compared."""
        return self._found.get(_ordered(first, second))

    def compare(self, wanted: Iterable[tuple[int, int]], compare: Compare) -> None:
        """Compare two rows each, where that was not done yet."""
        unknown = [pair for pair in wanted if _ordered(*pair) not in self._found]
        if not unknown:
            return
        first, second = np.array(unknown, np.int64).T
        self._found.update((_ordered(*pair), None) for pair in unknown)
        found = compare(first, second)
        self._note(found, len(self.pairs))
        self.pairs = Pairs.joined([self.pairs, found])

    def _note(self, pairs: Pairs, start: int) -> None:
        both = zip(pairs.pictures.tolist(), pairs.references.tolist(), strict=True)
        self._found.update((_ordered(*pair), number) for number, pair in enumerate(both, start))


def groups_around_best(verdicts: Verdicts, rank: Mapping[int, int], compare: Compare) -> list[list[int]]:
    """Groups of rows, the best first, none of them in two.

    rank: of each row; the least is the best. The best of those that hang together takes all that are its
    copies, compared with it where they were not; then the best of the rest does.
    """
    waiting = [sorted(rows, key=lambda row: rank[row]) for rows in _hanging_together(verdicts.pairs)]
    groups = []
    while waiting:
        verdicts.compare(((rows[0], other) for rows in waiting for other in rows[1:]), compare)
        rest = []
        for best, *others in waiting:
            copies = [row for row in others if verdicts.of(best, row) is not None]
            if copies:
                groups.append([best, *copies])
            rest.append([row for row in others if verdicts.of(best, row) is None])
        waiting = [rows for rows in rest if len(rows) > 1]
    return groups


def _hanging_together(pairs: Pairs) -> list[list[int]]:
    """Rows that are joined by a chain of pairs."""
    parent: dict[int, int] = {}

    def root(row: int) -> int:
        while parent.setdefault(row, row) != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second in zip(pairs.pictures.tolist(), pairs.references.tolist(), strict=True):
        parent[root(first)] = root(second)
    together: dict[int, list[int]] = {}
    for row in list(parent):
        together.setdefault(root(row), []).append(row)
    return list(together.values())


def _ordered(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)
