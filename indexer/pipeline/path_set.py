"""Which paths a run has come across, in eight bytes each, and what of the catalogue it has not come across."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
AT_ONCE = 10_000


class PathSet:
    """Paths, by their hashes: that two of a million share one is a chance of 1 in 40 million."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._gone: set[int] = set()

    def add(self, path: str) -> None:
        """A path was come across."""
        self._hashes.append(hash(path))

    def forget(self, path: str) -> None:
        """A path that was come across is gone."""
        self._gone.add(hash(path))

    def unseen(self, items: Iterable[Item], path_of: Callable[[Item], str]) -> Iterator[Item]:
        """Those of the items whose paths were not come across."""
        seen = np.sort(np.frombuffer(self._hashes, np.int64))
        if self._gone:
            seen = seen[~np.isin(seen, list(self._gone))]
        items = iter(items)
        while some := list(islice(items, AT_ONCE)):
            hashes = np.array([hash(path_of(item)) for item in some])
            places = np.minimum(np.searchsorted(seen, hashes), max(len(seen) - 1, 0))
            there = seen[places] == hashes if len(seen) else np.zeros(len(some), np.bool_)
            yield from (item for item, is_there in zip(some, there, strict=True) if not is_there)
