"""Queries, options and results of a search: plain data, checked on creation or before the search starts."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from indexer.errors import InputError
from indexer.paths import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latentsearch.notation import Change, Part

PIPED = Path("-")  # stands for standard input
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
DIRECTIONS = "directions"  # the default of Options.set_by: no generator redraws the query
# The orders of results: by rank, by the time the picture was taken, or by the file's name.
SIMILARITY = "similarity"
SORTS = (SIMILARITY, "taken", "name")
# A diverse ranking chooses k results from the POOL * k nearest pictures.
POOL = 10
# The usual k, and the one for searches within a share of random pairs.
USUAL_K, USUAL_K_WITHIN = 20, 200
Label = int | float | str


class InMemory(str):
    """The name of a picture given in memory, as an array, an image or bytes; it has no file."""


class Address(str):
    """The URL of a picture, https://… or file://…. Not a Path, which would merge the two slashes."""

    @staticmethod
    def is_one(text: str) -> bool:
        """Whether a picture name is a URL."""
        return ADDRESS.match(text) is not None


Name = Path | Address | InMemory  # how a query names a picture


@dataclass(frozen=True)
class Query:
    """The pictures of a query: files or URLs in `images`, stored pictures in `ids`, pictures to subtract in `minus`.

    The query code is the mean code of `images`, `ids` and `codes`, minus the mean code of `minus`, `minus_ids` and
    `minus_codes`. given: the bytes, by name, of pictures that are not files: PIPED, URLs and pictures in memory. codes:
    each float32 (d,). minus_ids, minus_codes: stored pictures and codes to subtract. weights: of `images`, `ids` and
    `codes`, in this order, in their mean; () if all are equal. minus_weights: of `minus`, `minus_ids` and
    `minus_codes`, each the multiple of a code that is subtracted, so that 0.5 subtracts half; () if all are 1. parts:
    the part of each of `images` that counts, None for all of it; () if all are whole.
    """

    images: tuple[Name, ...] = ()
    ids: tuple[int, ...] = ()
    minus: tuple[Name, ...] = ()
    given: Mapping[str, bytes] = field(default_factory=dict)
    codes: tuple[NDArray[np.float32], ...] = ()
    minus_ids: tuple[int, ...] = ()
    minus_codes: tuple[NDArray[np.float32], ...] = ()
    weights: tuple[float, ...] = ()
    minus_weights: tuple[float, ...] = ()
    parts: tuple[Part | None, ...] = ()

    @property
    def files(self) -> tuple[Name, ...]:
        """The pictures that have to be read and encoded."""
        return self.images + self.minus

    def check(self) -> None:
        """Raise InputError if there is nothing to search for, or a file is a folder or does not exist."""
        if not (self.images or self.ids or self.codes):
            raise InputError("no picture to search for: name a file, or give the id of a stored picture")
        check_files(self.files)


@dataclass(frozen=True)
class Options:
    """How many pictures a search returns, and which.

    k: the most to return, at least 1. exclude_self: leave out the queried pictures and exact copies of them.
    max_distance: the greatest distance, from 0. min_similarity: the least similarity, 0 to 1. within: the share of
    random pairs of the index's pictures that are as close as the farthest result, above 0, at most 1. diverse: λ of the
    diverse ranking, from 1 (only similarity counts) to 0 (only variety); None ranks by distance. where, under:
    conditions, which must all hold, and folders, one of which must hold the picture (`indexer.catalog.filters`). face:
    which face of the queried picture to search for, 1 for the largest; None for the largest, or the whole picture if it
    shows none. whole: search whole pictures in an index with faces. changes: labels to set. set_by: "directions", or
    the bundle whose generator redraws the query. sort: the order of the pictures found, one of SORTS.
    """

    k: int = USUAL_K
    exclude_self: bool = False
    max_distance: float | None = None
    min_similarity: float | None = None
    diverse: float | None = None
    where: tuple[str, ...] = ()
    under: tuple[Path, ...] = ()
    changes: tuple[Change, ...] = ()
    set_by: str = DIRECTIONS
    face: int | None = None
    whole: bool = False
    sort: str = SIMILARITY
    within: float | None = None

    @property
    def drawn_anew(self) -> bool:
        """Whether a generator redraws the queried pictures to set labels."""
        return self.set_by != DIRECTIONS

    @property
    def filtered(self) -> bool:
        """Whether a condition or a folder restricts the search."""
        return bool(self.where or self.under)

    @property
    def bounded(self) -> bool:
        """Whether results have a greatest distance or a least similarity."""
        return any(bound is not None for bound in (self.max_distance, self.min_similarity, self.within))

    @property
    def candidates(self) -> int:
        """How many nearest pictures are fetched; a diverse ranking chooses its k results among them."""
        return self.k if self.diverse is None else POOL * self.k

    def check(self) -> None:
        """Raise InputError for a number out of range, and for `set_by` without a label to set."""
        if self.drawn_anew and not self.changes:
            raise InputError("set_by needs a label to set: give one in set, or leave out set_by")
        if self.sort not in SORTS:
            raise InputError(f"sort is {printable(self.sort)!r}: it must be one of {', '.join(SORTS)}")
        if self.k < 1:
            raise InputError(f"k is {self.k}: ask for at least 1 picture")
        if self.face is not None and (self.face < 1 or self.whole):
            raise InputError(f"face is {self.face}: count from 1, the largest, and leave whole out")
        for name, share in (("least similarity", self.min_similarity), ("lambda of a diverse ranking", self.diverse)):
            if share is not None and not 0 <= share <= 1:
                raise InputError(f"the {name} is {share:g}: it must be a number from 0 to 1")
        if self.max_distance is not None and not self.max_distance >= 0:
            raise InputError(f"the greatest distance is {self.max_distance:g}: it must be 0 or more")


def check_files(files: Sequence[Name], for_folders: str = "`search_folder`") -> None:
    """Raise InputError if a picture to search for is a folder or does not exist; URLs and PIPED are not checked.

    for_folders: what searches with all pictures of a folder, for the message.
    """
    for path in files:
        if isinstance(path, Address | InMemory) or path == PIPED:
            continue
        if path.is_dir():
            raise InputError(
                f"{printable(path)} is a folder: name one picture, or query with all of them by {for_folders}"
            )
        if not path.exists():
            raise InputError(f"there is no picture at {printable(path)}: check the path")


class FaceBox(NamedTuple):
    """A face in a picture; box: left, top, right, bottom in pixels of the upright picture; score: the detector's."""

    id: int
    box: tuple[float, float, float, float]
    score: float


class QueriedFace(NamedTuple):
    """The face of a queried picture that was searched for: the number-th largest of `total`, and its box."""

    query: str
    number: int
    total: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Hit:
    """One result of a query: a picture of the index.

    rank: from 1. distance: between its code and the query's, Euclidean or 1 - cosine, depending on the encoder.
    similarity: the share of random pairs of training pictures whose codes are farther apart, 0 to 1. predicted: the
    names of the labels that were predicted rather than given. incomplete: whether the file is truncated. face: the one
    that was found; None in a search of whole pictures. facts: what the picture states about itself: taken (ISO 8601, by
    the clock at the place, with its offset if known), camera, lens, latitude, longitude (degrees), orientation
    (Exif's); and always megapixels.
    """

    rank: int
    id: int
    path: str
    distance: float
    similarity: float
    labels: dict[str, Label] = field(default_factory=dict)
    predicted: frozenset[str] = frozenset()
    incomplete: bool = False
    face: FaceBox | None = None
    facts: dict[str, Label] = field(default_factory=dict)


@dataclass(frozen=True)
class Timings:
    """Milliseconds that opening, encoding, ranking and filtering took; None without conditions to filter by."""

    load: float
    encode: float
    search: float
    filter: float | None = None


class Stopwatch:
    """Sums up the milliseconds spent in each stage of a query."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {"load": 0.0, "encode": 0.0, "search": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent in the `with` block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds measured elsewhere to a stage."""
        self.spent[name] = self.spent.get(name, 0.0) + 1000 * seconds

    def took(self) -> Timings:
        """Return the times, rounded to 0.01 ms."""
        return Timings(**{name: round(spent, 2) for name, spent in self.spent.items()})


@dataclass(frozen=True)
class Results:
    """The results of one query: hits by rank, from 1, or as `sort` says; each picture, or each face, once.

    query, minus: the names of the pictures that were searched for, and of those that were subtracted. matching: how
    many pictures of the index satisfy the conditions; None without conditions. diverse: λ of the diverse ranking, None
    for a ranking by distance. Distances ascend without it; with it, only the first hit is certain to be the nearest.
    changes: the labels that were set. They count in the ranking, so distances need not ascend. faces: the faces that
    were searched for; () for whole pictures. faceless: a queried picture without a face: whole pictures were searched.
    sort: the order of the hits, one of SORTS; ranks are the same in every order. cutoff: the greatest distance that
    `within` allowed; None without it. Raises ValueError if the hits break these rules.
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
    faces: tuple[QueriedFace, ...] = ()
    faceless: str = ""
    sort: str = SIMILARITY
    cutoff: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for results that no search may return."""
        if any(hit.distance != hit.distance for hit in self.hits):
            raise ValueError("a hit's distance is not a number")
        if any(earlier.distance > later.distance for earlier, later in self._pairs_in_order()):
            raise ValueError("hits are not sorted by distance")
        if len({(hit.id, hit.face and hit.face.id) for hit in self.hits}) != len(self.hits):
            raise ValueError("a picture occurs twice among the hits")
        if [hit.rank for hit in self._by_rank] != list(range(1, len(self.hits) + 1)):
            raise ValueError("ranks do not count from 1")

    @property
    def _by_rank(self) -> Sequence[Hit]:
        return self.hits if self.sort == SIMILARITY else sorted(self.hits, key=lambda hit: hit.rank)

    def _pairs_in_order(self) -> list[tuple[Hit, Hit]]:
        if self.changes:
            return []
        hits = self._by_rank
        return list(itertools.pairwise(hits)) if self.diverse is None else [(hits[0], later) for later in hits[1:]]


@dataclass(frozen=True)
class Unreadable:
    """A picture that could not be read or searched for, and the reason."""

    query: str
    reason: str


Answer = Results | Unreadable
