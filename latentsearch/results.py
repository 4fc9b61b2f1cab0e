"""What a query gives: plain data between the search and its many forms."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

Label = int | float | str


@dataclass(frozen=True)
class Hit:
    """One picture of the index, as an answer to a query.

    rank: 1 is the most like the query. distance: between the two codes, Euclidean or 1 - cosine, as the encoder says.
    similarity: the share of random pairs of training pictures whose codes are farther apart, 0 to 1.
    """

    rank: int
    id: int
    path: str
    distance: float
    similarity: float
    labels: dict[str, Label] = field(default_factory=dict)


@dataclass(frozen=True)
class Took:
    """Milliseconds spent opening index and encoder, making the query's code, and searching."""

    load: float
    encode: float
    search: float


@dataclass(frozen=True)
class Results:
    """A query's answer: hits by ascending distance, each picture once.

    Raises ValueError where the hits are not that, when it is made.
    """

    query: str
    encoder: str
    index: str
    took_ms: Took
    hits: tuple[Hit, ...]

    def __post_init__(self) -> None:
        """Refuse what no search may return."""
        if any(earlier.distance > later.distance for earlier, later in itertools.pairwise(self.hits)):
            raise ValueError("hits are not sorted by distance")
        if any(hit.distance != hit.distance for hit in self.hits):
            raise ValueError("a hit's distance is not a number")
        if len({hit.id for hit in self.hits}) != len(self.hits):
            raise ValueError("a picture stands twice among the hits")
        if [hit.rank for hit in self.hits] != list(range(1, len(self.hits) + 1)):
            raise ValueError("ranks do not count from 1")
