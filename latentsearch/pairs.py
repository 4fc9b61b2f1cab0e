"""Pairs of pictures, and how one lies over the other: plain data between those who look for copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentsearch.alignment import WHOLE, Array


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures, by row: picture, mirrored or not, looks through its window as reference does.

    pictures, references: int64 (n,). mirrored: bool (n,). windows: float32 (n, 4), as latentsearch.alignment has them.
    likeness: float32 (n,), at most 1.
    """

    pictures: NDArray[np.int64]
    references: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    windows: Array
    likeness: Array

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, chosen: Any) -> Pairs:
        return Pairs(*(column[chosen] for column in self.columns()))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """The five arrays."""
        return self.pictures, self.references, self.mirrored, self.windows, self.likeness

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
        """Pairs of which nothing is known, each twice: as it is and mirrored."""
        count = len(pictures)
        return cls(
            np.tile(pictures, 2),
            np.tile(references, 2),
            np.repeat([False, True], count),
            np.tile(WHOLE, (2 * count, 1)),
            np.zeros(2 * count, np.float32),
        )

    def parts(self, size: int) -> Iterator[Pairs]:
        """The pairs in order, so many at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def best(self) -> Pairs:
        """Every two pictures once, however often and in whatever order they stand here: as they are most alike."""
        low, high = np.minimum(self.pictures, self.references), np.maximum(self.pictures, self.references)
        order = np.lexsort((-self.likeness, high, low))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        return self[order[first]]
