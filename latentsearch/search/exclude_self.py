"""Codes -> the nearest images of an index but the queried ones themselves and their copies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.images import ImageRecord
from indexer.index.index import Index
from latentsearch.query import Name

# How many copies of a picture the first search allows for.
COPIES = 4


class Search(Protocol):
    """A search as `Index.search` is one."""

    def __call__(
        self,
        codes: NDArray[np.float32],
        k: int,
        exclude_ids: Sequence[int] = (),
        within: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Distances and ids of the k nearest images of each code."""


class Neighbour(NamedTuple):
    """An image and how far its code is from a query's."""

    distance: float
    record: ImageRecord


@dataclass(frozen=True)
class Excluded:
    """What queried pictures are known by in the index: their ids, the SHA-256 of their contents; nothing by default."""

    ids: frozenset[int] = frozenset()
    digests: frozenset[bytes] = frozenset()

    @classmethod
    def of(
        cls, files: Sequence[Name], contents: Sequence[bytes], stored: Sequence[ImageRecord], index: Index
    ) -> Excluded:
        """Of files with these contents, and of stored images."""
        digests = [hashlib.sha256(content).digest() for content in contents]
        ids = [image_id for path in files if isinstance(path, Path) for image_id in ids_at(path, index)]
        return cls(
            frozenset([*ids, *(record.id for record in stored)]),
            frozenset([*digests, *(record.digest for record in stored)]),
        )

    def has(self, record: ImageRecord) -> bool:
        """Whether an image is one of them or a copy."""
        return record.id in self.ids or record.digest in self.digests


def ids_at(path: str | Path, index: Index) -> list[int]:
    """The ids of the image at a path, and at the path that links lead to."""
    stored = (index.id_of(name) for name in sorted({os.path.abspath(path), os.path.realpath(path)}))
    return [image_id for image_id in stored if image_id is not None]


def nearest_others(
    index: Index,
    search: Search,
    codes: NDArray[np.float32],
    k: int,
    themselves: Sequence[Excluded],
    within: NDArray[np.int64] | None,
) -> list[list[Neighbour]]:
    """The k nearest images of each code (q, d), by ascending distance, fewer where the index has no more.

    search: the index's, or one that ranks its images in another way. themselves: for each code, what to leave out.
    within: ids, ascending, among which to look; None for all.
    """
    spare = max(len(itself.ids) + COPIES if itself != Excluded() else 0 for itself in themselves)
    distances, ids = search(codes, k + spare, within=within)
    known = np.unique(ids).tolist()
    records = dict(zip(known, index.images(known), strict=True))
    found = []
    for code, itself, row_distances, row_ids in zip(codes, themselves, distances.tolist(), ids.tolist(), strict=True):
        row = [
            Neighbour(distance, records[image_id]) for distance, image_id in zip(row_distances, row_ids, strict=True)
        ]
        others = [neighbour for neighbour in row if not itself.has(neighbour.record)]
        if len(others) < k and len(row) == k + spare:
            others = _one_by_one(index, search, code, k, itself, within)
        found.append(others[:k])
    return found


def _one_by_one(
    index: Index,
    search: Search,
    code: NDArray[np.float32],
    k: int,
    itself: Excluded,
    within: NDArray[np.int64] | None,
) -> list[Neighbour]:
    """The same for one code of which there are many copies: those that turn up are excluded from another search."""
    excluded = set(itself.ids)
    while True:
        distances, ids = search(code[None], k, exclude_ids=sorted(excluded), within=within)
        records = index.images(ids[0].tolist())
        copies = {record.id for record in records if itself.has(record)}
        if not copies:
            return list(map(Neighbour, distances[0].tolist(), records))
        excluded |= copies
