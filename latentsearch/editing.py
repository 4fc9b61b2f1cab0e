"""`--set NAME=VALUE`: a query's code moved to where pictures with another value of a label lie.

The moves are learned once from an index's labelled pictures and kept with it, as `directions.npz`; a search reads no
label. They are derived: the file may be deleted at any time, and an index that cannot be written to goes without.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from indexer.discover import printable
from indexer.errors import InputError
from indexer.index import Index
from latentsearch.directions import LEAST_PICTURES, MISSING, Values, fit_moves, moved_codes
from latentsearch.queries import Change

FILE_NAME = "directions.npz"
# Learned from so many pictures at most, drawn at random; anew when there are so many times as many as then, or as few.
PICTURES, OUTGROWN = 20_000, 1.5
YES_OR_NO = {0, 1}

Codes = NDArray[np.float32]
# A code (d,) -> the code to search with.
Edit = Callable[[Codes], Codes]


@dataclass(frozen=True)
class Directions:
    """The moves that an index's labels have in its codes.

    labels: their names. vectors: float32 (labels, 2, d), what is added to a code to set each to 0 and to 1. shares:
    float32 (labels, 2), how many of the 10 nearest pictures had the value when it was learned. index, count: the uuid
    of the index, and its pictures at that time.
    """

    labels: tuple[str, ...]
    vectors: Codes
    shares: Codes
    index: str
    count: int

    def fit(self, index: Index) -> bool:
        """Whether they were learned from this index, and from about as many pictures as it has."""
        grown = index.count() / max(self.count, 1)
        is_of_it = self.index == index.facts.uuid and self.vectors.shape[1:] == (2, index.latent_size)
        return is_of_it and 1 / OUTGROWN <= grown <= OUTGROWN

    def applied(self, code: Codes, changes: Sequence[Change], distance: str) -> Codes:
        """A code (d,) moved by all changes at once, each of which has a move here."""
        moves = [self.vectors[self.labels.index(change.label), change.value] for change in changes]
        return moved_codes(np.asarray(code + np.sum(moves, axis=0), np.float32), distance)

    def save(self, folder: Path) -> None:
        """Keep them with an index, in one step for whoever reads; not where its folder cannot be written to."""
        unfinished = folder / f"{FILE_NAME}.{os.getpid()}.unfinished"
        with contextlib.suppress(OSError):
            try:
                with open(unfinished, "wb") as file:
                    np.savez(file, labels=np.array(self.labels), vectors=self.vectors, shares=self.shares,
                             index=np.array(self.index), count=np.array(self.count))  # fmt: skip
                unfinished.replace(folder / FILE_NAME)
            finally:
                unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Directions | None:
        """Those that were kept with an index; None where there are none, or they cannot be read."""
        try:
            with open(folder / FILE_NAME, "rb") as file, np.load(file, allow_pickle=False) as stored:
                labels = tuple(str(name) for name in stored["labels"])
                vectors, shares = stored["vectors"], stored["shares"]
                found = cls(labels, vectors, shares, str(stored["index"]), int(stored["count"]))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        fits = vectors.ndim == 3 and len(vectors) == len(labels) == len(shares) and np.isfinite(vectors).all()
        return found if fits else None


def editor(changes: Sequence[Change], index: Index, tell: Callable[[str], None] | None = None) -> Edit:
    """What moves a query's code (d,) by all changes; without any it stays.

    tell: called with a sentence when directions are learned first. Raises InputError for a label that the index does
    not have, or not often enough with both values.
    """
    if not changes:
        return lambda code: code
    wanted = [change.label for change in changes]
    directions = Directions.load(index.folder)
    if directions is None or not directions.fit(index) or not set(wanted) <= set(directions.labels):
        _require_labels(wanted, index)
        if tell:
            tell("learning once what labels look like in this index's codes")
        directions = learn(index)
        directions.save(index.folder)
    for label in wanted:
        if label not in directions.labels:
            raise InputError(
                f"{printable(label)} cannot be set: only labels that are 1 or 0 can, with {LEAST_PICTURES} pictures of "
                "each; `latentsearch labels` tells"
            )
    learned = directions
    return lambda code: learned.applied(code, changes, index.distance)


def learn(index: Index, seed: int = 0) -> Directions:
    """Learn the moves of every label that is yes or no, from at most PICTURES of an index's pictures."""
    ids = index.neighbours.ids()
    ids = np.sort(np.random.default_rng(seed).permutation(ids)[:PICTURES])
    names, values = _values(index, ids)
    moves = fit_moves(index.codes(ids.tolist()), values, index.distance, seed) if names else []
    learned = [(name, move) for name, move in zip(names, moves, strict=True) if move is not None]
    vectors = np.array([[without.vector, given.vector] for _, (without, given) in learned], np.float32)
    shares = np.array([[without.share, given.share] for _, (without, given) in learned], np.float32)
    shape = (len(learned), 2, index.latent_size)
    labels = tuple(name for name, _ in learned)
    return Directions(labels, vectors.reshape(shape), shares, index.facts.uuid, index.count())


def _values(index: Index, ids: NDArray[np.int64]) -> tuple[list[str], Values]:
    """The names of labels that are 1 or 0 wherever they are, and their values, int8 (n, labels)."""
    labelled = index.labels(ids.tolist())
    found: dict[str, set[object]] = {}
    for labels in labelled.values():
        for name, value in labels.items():
            found.setdefault(name, set()).add(value)
    names = [name for name, values in found.items() if values <= YES_OR_NO]
    rows = [[labelled.get(image_id, {}).get(name, MISSING) for name in names] for image_id in ids.tolist()]
    return names, np.array(rows, np.int8).reshape(len(ids), len(names))


def _require_labels(wanted: Sequence[str], index: Index) -> None:
    names = index.catalog.label_names()
    for label in wanted:
        if label not in names:
            raise InputError(f"no label is called {printable(label)!r}: `latentsearch labels` lists them")
