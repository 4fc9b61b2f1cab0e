"""What a query gives: plain data between the search and its many forms."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Label = int | float | str


@dataclass(frozen=True)
class Hit:
    """One picture of the index, as an answer to a query.

    rank: 1 comes first. distance: between its code and the query's, Euclidean or 1 - cosine, as the encoder says.
    similarity: the share of random pairs of training pictures whose codes are farther apart, 0 to 1. predicted: the
    names of those labels that are predicted, not given. incomplete: whether a part of its file is missing.
    """

    rank: int
    id: int
    path: str
    distance: float
    similarity: float
    labels: dict[str, Label] = field(default_factory=dict)
    predicted: frozenset[str] = frozenset()
    incomplete: bool = False


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent opening index and encoder, making the query's code, and searching.

    filter: spent finding the pictures for which the conditions hold; None where there were none.
    """

    load: float
    encode: float
    search: float
    filter: float | None = None


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {"load": 0.0, "encode": 0.0, "search": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add time that was measured elsewhere to a stage."""
        self.spent[name] = self.spent.get(name, 0.0) + 1000 * seconds

    def took(self) -> Timings:
        """What was measured, to a hundredth of a millisecond."""
        return Timings(**{name: round(spent, 2) for name, spent in self.spent.items()})


@dataclass(frozen=True)
class Results:
    """A query's answer: hits from the first rank on, each picture once.

    query, minus: the names of the pictures that were searched for, and of those subtracted. matching: for how many
    pictures the conditions hold, None where there were none. diverse: what likeness counts against variety in the
    ranking, None where distance alone ranks; then hits ascend by it, else only the first is sure to be the nearest.
    changes: the labels that were set; where there are any, they rank too, and distances ascend or not.
    Raises ValueError where the hits are not that, when it is made.
    """

    query: tuple[str, ...]
    encoder: str
    index: str
    took_ms: Timings
    hits: tuple[Hit, ...]
    minus: tuple[str, ...] = ()
    matching: int | None = None
    diverse: float | None = None
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no search may return."""
        if any(hit.distance != hit.distance for hit in self.hits):
            raise ValueError("a hit's distance is not a number")
        if any(earlier.distance > later.distance for earlier, later in self._that_must_ascend()):
            raise ValueError("hits are not sorted by distance")
        if len({hit.id for hit in self.hits}) != len(self.hits):
            raise ValueError("a picture stands twice among the hits")
        if [hit.rank for hit in self.hits] != list(range(1, len(self.hits) + 1)):
            raise ValueError("ranks do not count from 1")

    def _that_must_ascend(self) -> list[tuple[Hit, Hit]]:
        if self.changes:
            return []
        if self.diverse is None:
            return list(itertools.pairwise(self.hits))
        return [(self.hits[0], later) for later in self.hits[1:]]


@dataclass(frozen=True)
class Unreadable:
    """A query of many that could not be asked: the picture's name, and why not."""

    query: str
    reason: str


Answer = Results | Unreadable
