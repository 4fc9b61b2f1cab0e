"""What is asked of a search, and what it answers: plain data, checked when it is made or before any work is done."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import InputError
from indexer.paths import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# As a picture's name: its bytes come from standard input.
PIPED = Path("-")
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
CHANGE = re.compile(r"\s*(.+?)\s*=\s*([01])\s*")
# Labels are set by the directions along which codes tell them, unless a generator is to draw the picture anew.
DIRECTIONS = "directions"
# How many candidates a diverse ranking chooses each of its results from.
POOL = 10


class InMemory(str):
    """What a picture is called that Python gave as an array, an image or bytes: it has no file."""


class Address(str):
    """The address of a picture, https://… or file://…: as a path it would lose a slash."""

    @staticmethod
    def is_one(text: str) -> bool:
        """Whether a picture's name is an address."""
        return ADDRESS.match(text) is not None


# A picture's name.
Name = Path | Address | InMemory


@dataclass(frozen=True)
class Query:
    """Pictures like these: files, and stored pictures by id; less what is in those of `minus`.

    given: by name, the bytes of pictures that are no files: PIPED, addresses and pictures in memory. codes: float32
    (d,) each, searched for like pictures. minus_ids, minus_codes: stored pictures and codes that are subtracted.
    """

    images: tuple[Name, ...] = ()
    ids: tuple[int, ...] = ()
    minus: tuple[Name, ...] = ()
    given: Mapping[str, bytes] = field(default_factory=dict)
    codes: tuple[NDArray[np.float32], ...] = ()
    minus_ids: tuple[int, ...] = ()
    minus_codes: tuple[NDArray[np.float32], ...] = ()

    @property
    def files(self) -> tuple[Name, ...]:
        """All that have to be read and encoded."""
        return self.images + self.minus

    def check(self) -> None:
        """Raise InputError where nothing is asked for, or a file is not there."""
        if not (self.images or self.ids or self.codes):
            raise InputError("no picture to search for: name one, or a stored one by its id")
        check_files(self.files)


@dataclass(frozen=True)
class Change:
    """One change that is asked of a query: a label, and the value, 0 or 1, that what is found shall have."""

    label: str
    value: int

    @classmethod
    def parse(cls, text: str) -> Change:
        """Read NAME=0 or NAME=1. Raises InputError."""
        found = CHANGE.fullmatch(text)
        if found is None:
            raise InputError(f"{printable(text)!r} sets no label: write its name, = and 1 or 0, as in Eyeglasses=1")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.label}={self.value}"


@dataclass(frozen=True)
class Options:
    """Which pictures to return, and how many.

    k: at most. exclude_self: not the queried ones nor exact copies of them. max_distance, min_similarity: none that
    are less alike. diverse: from 1, only likeness counts, to 0, only variety; None to rank by distance. where, under:
    conditions and folders as `indexer.catalog.filters` has them. changes: labels to set. set_by: how, "directions" or
    the bundle, by name or folder, whose generator draws the pictures anew.
    """

    k: int = 20
    exclude_self: bool = False
    max_distance: float | None = None
    min_similarity: float | None = None
    diverse: float | None = None
    where: tuple[str, ...] = ()
    under: tuple[Path, ...] = ()
    changes: tuple[Change, ...] = ()
    set_by: str = DIRECTIONS

    @property
    def drawn_anew(self) -> bool:
        """Whether labels are set by drawing the queried pictures anew, not by what codes tell of them."""
        return self.set_by != DIRECTIONS

    @property
    def filtered(self) -> bool:
        """Whether only some pictures of the index come into question."""
        return bool(self.where or self.under)

    @property
    def bounded(self) -> bool:
        """Whether pictures must be as near as that."""
        return self.max_distance is not None or self.min_similarity is not None

    @property
    def candidates(self) -> int:
        """How many of the nearest pictures are looked at."""
        return self.k if self.diverse is None else POOL * self.k

    def check(self) -> None:
        """Raise InputError where a number makes no sense, or labels are to be set in some way but none is named."""
        if self.drawn_anew and not self.changes:
            raise InputError("nothing is set: name a label with --set, or leave out --set-by")
        if self.k < 1:
            raise InputError(f"k is {self.k}: ask for at least 1 picture")
        for name, share in (("least similarity", self.min_similarity), ("lambda of a diverse ranking", self.diverse)):
            if share is not None and not 0 <= share <= 1:
                raise InputError(f"the {name} is {share:g}: it must be a number from 0 to 1")
        if self.max_distance is not None and not self.max_distance >= 0:
            raise InputError(f"the greatest distance is {self.max_distance:g}: it must be a number from 0 on")


def check_files(files: Sequence[Name]) -> None:
    """Raise InputError where a picture to search for is a folder, or is not there."""
    for path in files:
        if isinstance(path, Address | InMemory) or path == PIPED:
            continue
        if path.is_dir():
            raise InputError(f"{printable(path)} is a folder: name one picture, or search for all with --batch")
        if not path.exists():
            raise InputError(f"there is no picture at {printable(path)}: check the path")


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
