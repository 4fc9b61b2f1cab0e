"""Group faces that are alike: agglomerative clustering with average linkage, on pairs closer than a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import Encoder
from indexer.index.index import Index
from indexer.progress import Report
from latentsearch.query import FaceBox

# Pairs of faces alike to this degree are grouped by default: 2 in 10,000 random pairs of training faces are as close.
MIN_SIMILARITY = 0.9998
# Rows of codes compared at once with all others, and pairs kept at most, the closest: they bound the memory.
ROWS_AT_ONCE, PAIRS_AT_MOST = 512, 5_000_000


@dataclass(frozen=True)
class GroupedFace:
    """A face in a group. id, path: of its picture. face: the face itself."""

    id: int
    path: str
    face: FaceBox


@dataclass(frozen=True)
class FaceGroups:
    """Groups of faces that are alike, the largest first; in each, the face nearest to the group's mean comes first.

    faces: how many faces were compared. min_similarity: as in `group_faces`. encoder: that of the faces.
    """

    groups: tuple[tuple[GroupedFace, ...], ...]
    faces: int
    min_similarity: float
    encoder: str
    index: str

    def __iter__(self) -> Iterator[tuple[GroupedFace, ...]]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, position: int) -> tuple[GroupedFace, ...]:
        return self.groups[position]


def group_faces(
    index: Index, encoder: Encoder, min_similarity: float, least: int, report: Report | None = None
) -> FaceGroups:
    """Group the faces of an index that has faces.

    min_similarity: the least mean similarity of two groups that are joined, in terms of the distance that this
    similarity stands for. least: the fewest faces in a group.
    """
    faces = index.faces
    assert faces is not None
    blocks = list(faces.code_blocks())
    ids = np.concatenate([np.empty(0, np.int64), *(block for block, _ in blocks)])
    codes = np.concatenate([np.empty((0, faces.latent_size), np.float32), *(codes for _, codes in blocks)])
    greatest = encoder.distance_of(min_similarity)
    groups = grouped(codes, greatest, faces.distance, report)
    chosen = [_from_the_middle(codes, group) for group in groups if len(group) >= least]
    records = {record.id: record for record in faces.faces(ids.tolist())} if chosen else {}
    paths = {record.id: record.path for record in index.images(sorted({face.image_id for face in records.values()}))}

    def described(row: int) -> GroupedFace:
        record = records[int(ids[row])]
        return GroupedFace(record.image_id, paths[record.image_id], FaceBox(record.id, record.box, record.score))

    found = tuple(tuple(described(row) for row in group) for group in chosen)
    return FaceGroups(found, len(ids), min_similarity, encoder.name, str(index.folder))


def grouped(
    codes: NDArray[np.float32], greatest: float, distance: str, report: Report | None = None
) -> list[NDArray[np.int64]]:
    """Group codes, (n, d), into rows of like ones, the largest group first; a code without its like is a group alone.

    Pairs are taken from the closest to the farthest, and the groups of the two are joined if the mean distance between
    them is at most `greatest`: 1 - cosine, or for "euclidean" the root of the mean squared distance.
    """
    left, right = _close_pairs(codes, greatest, distance, report)
    members = {row: [row] for row in range(len(codes))}
    group_of = np.arange(len(codes))
    sums = codes.astype(np.float64)
    squares = (sums**2).sum(axis=1)
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        first, second = sorted((int(group_of[one]), int(group_of[other])), key=lambda group: -len(members[group]))
        if first == second:
            continue
        sizes = len(members[first]), len(members[second])
        dot = float(sums[first] @ sums[second]) / (sizes[0] * sizes[1])
        apart = 1 - dot
        if distance != "cosine":
            apart = np.sqrt(max(squares[first] / sizes[0] + squares[second] / sizes[1] - 2 * dot, 0))
        if apart <= greatest:
            moved = members.pop(second)
            members[first] += moved
            group_of[moved] = first
            sums[first] += sums[second]
            squares[first] += squares[second]
    return [np.array(rows) for rows in sorted(members.values(), key=lambda rows: (-len(rows), rows[0]))]


def _close_pairs(
    codes: NDArray[np.float32], greatest: float, distance: str, report: Report | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of rows at most `greatest` apart, the closest first; no more than PAIRS_AT_MOST."""
    squares = (codes**2).sum(axis=1)
    lefts, rights, distances = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for start in range(0, len(codes), ROWS_AT_ONCE):
        some = codes[start : start + ROWS_AT_ONCE]
        products = some @ codes[start:].T
        if distance == "cosine":
            apart = 1 - products
        else:
            squared = squares[start : start + ROWS_AT_ONCE, None] + squares[None, start:] - 2 * products
            apart = np.sqrt(np.maximum(squared, 0))
        rows, others = np.nonzero(np.triu(apart <= greatest, 1))
        lefts.append(rows + start)
        rights.append(others + start)
        distances.append(apart[rows, others])
        if report:
            report(min(start + ROWS_AT_ONCE, len(codes)), len(codes))
    order = np.argsort(np.concatenate(distances), kind="stable")[:PAIRS_AT_MOST]
    return np.concatenate(lefts)[order], np.concatenate(rights)[order]


def _from_the_middle(codes: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order a group's rows by their distance from its mean."""
    mean = codes[rows].mean(axis=0)
    return rows[np.argsort(((codes[rows] - mean) ** 2).sum(axis=1), kind="stable")]
