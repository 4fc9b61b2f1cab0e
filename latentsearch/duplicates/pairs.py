"""Pairs of pictures and their alignment: plain data between the stages of the search for copies."""

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

# A turned match replaces an upright match of the same pair only if its likeness is greater by more than this.
TURNED_LESS = 0.02


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures: each picture, turned and seen through its window, looks like its reference.

    pictures, references: rows, int64 (n,). turns: int8 (n,), below TURNS. windows: float32 (n, 4), as in
    latentsearch.duplicates.compare.alignment. likeness: float32 (n,), at most 1.
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
        """Return the five arrays."""
        return self.pictures, self.references, self.turns, self.windows, self.likeness

    @classmethod
    def joined(cls, parts: list[Pairs]) -> Pairs:
        """Concatenate pairs."""
        return cls(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))

    @classmethod
    def none(cls) -> Pairs:
        """Make an empty set of pairs."""
        nothing = np.empty(0, np.int64)
        return cls.unknown(nothing, nothing)

    @classmethod
    def unknown(cls, pictures: NDArray[np.int64], references: NDArray[np.int64]) -> Pairs:
        """Make pairs whose alignment is unknown: each in every turn, with the whole window and likeness 0."""
        count = len(pictures)
        return cls(
            np.tile(pictures, TURNS),
            np.tile(references, TURNS),
            np.repeat(np.arange(TURNS, dtype=np.int8), count),
            np.tile(WHOLE, (TURNS * count, 1)),
            np.zeros(TURNS * count, np.float32),
        )

    def sifted(self, sift: Callable[[Pairs], Pairs], size: int, report: Report | None = None) -> Pairs:
        """Filter the pairs in order, with a function that gets `size` pairs per call, on one thread per core.

        Threads suffice because the function spends nearly all its time in numpy, which releases the GIL.
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
        """Keep the entry of greatest likeness for every two pictures, in either order.

        Upright entries win near ties, because a symmetric picture looks like its mirror image.
        """
        low, high = np.minimum(self.pictures, self.references), np.maximum(self.pictures, self.references)
        order = np.lexsort((np.where(self.turns > 0, TURNED_LESS, 0) - self.likeness, high, low))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        return self[order[first]]
