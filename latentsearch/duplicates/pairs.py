"""Pairs of pictures, and how one lies over the other: plain data between those who look for copies."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.progress import Report
from indexer.system.limits import cores
from latentsearch.duplicates.compare.alignment import WHOLE, Array
from latentsearch.duplicates.compare.turns import TURNS

# By how much more alike a turned picture must be.
TURNED_LESS = 0.02


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures, by row: picture, turned, looks through its window as reference does.

    pictures, references: int64 (n,). turns: int8 (n,), below TURNS. windows: float32 (n, 4), as
    latentsearch.duplicates.compare.alignment has them. likeness: float32 (n,), at most 1.
    """

    pictures: NDArray[np.int64]
    references: NDArray[np.int64]
    turns: NDArray[np.int8]
    windows: Array
    likeness: Array

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, chosen: Any) -> Pairs:
        return Pairs(*(column[chosen] for column in self.columns()))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """The five arrays."""
        return self.pictures, self.references, self.turns, self.windows, self.likeness

    @classmethod
    def joined(cls, parts: list[Pairs]) -> Pairs:
        """All pairs of several."""
        return cls(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))

    @classmethod
    def none(cls) -> Pairs:
        """No pairs."""
        nothing = np.empty(0, np.int64)
        return cls.unknown(nothing, nothing)

    @classmethod
    def unknown(cls, pictures: NDArray[np.int64], references: NDArray[np.int64]) -> Pairs:
        """Pairs about which nothing is known, each in every turn."""
        count = len(pictures)
        return cls(
            np.tile(pictures, TURNS),
            np.tile(references, TURNS),
            np.repeat(np.arange(TURNS, dtype=np.int8), count),
            np.tile(WHOLE, (TURNS * count, 1)),
            np.zeros(TURNS * count, np.float32),
        )

    def sifted(self, sift: Callable[[Pairs], Pairs], size: int, report: Report | None = None) -> Pairs:
        """What a function leaves of the pairs, in order; it gets `size` of them at once, in a thread for each core.

        Threads, since nearly all of the time is spent in numpy, which lets others run meanwhile.
        """
        parts = [self[start : start + size] for start in range(0, len(self), size)]
        found = [Pairs.none()]
        with ThreadPoolExecutor(cores()) as threads:
            for number, left in enumerate(threads.map(sift, parts)):
                found.append(left)
                if report:
                    report(min((number + 1) * size, len(self)), len(self))
        return Pairs.joined(found)

    def best(self) -> Pairs:
        """Every two pictures once, however often and in whatever order they stand here: as they are most alike.

        As they are rather than turned, where that makes no difference: a symmetric picture is like its mirror image.
        """
        low, high = np.minimum(self.pictures, self.references), np.maximum(self.pictures, self.references)
        order = np.lexsort((np.where(self.turns > 0, TURNED_LESS, 0) - self.likeness, high, low))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        return self[order[first]]
