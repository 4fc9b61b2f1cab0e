"""The catalogue's faces: a row for each face in a photograph, and which photographs were searched for faces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select

from indexer.catalog.images import columns_of
from indexer.catalog.schema import FACE, FACE_SEARCH, REMOVED_FACE, SEQUENCE
from indexer.catalog.sqlite import VALUES_AT_ONCE, Statements, values_checked

POINTS = np.dtype("<f4")


class FaceRecord(NamedTuple):
    """A face in a photograph of the index.

    image_id: the photograph. position: row of its code. left, top, right, bottom: its box, in pixels of the upright
    photograph. points: as the schema says. score: the detector's, 0 to 1.
    """

    id: int
    image_id: int
    position: int
    left: float
    top: float
    right: float
    bottom: float
    points: bytes
    score: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom

    @property
    def area(self) -> float:
        """The area of the box."""
        return (self.right - self.left) * (self.bottom - self.top)


def packed(points: Sequence[Sequence[float]]) -> bytes:
    """Return five points as a record stores them."""
    return np.asarray(points, POINTS).tobytes()


def unpacked(points: bytes) -> NDArray[np.float32]:
    """Return a record's points, float32 (5, 2)."""
    with values_checked():
        return np.frombuffer(points, POINTS).reshape(5, 2)


class Faces(Statements):
    """The faces, by id, photograph and position.

    have_changed: whether faces were added since the last commit; those of removed images are not counted.
    """

    have_changed = False

    def count(self) -> int:
        """Count the faces."""
        return self._scalar(select(func.count()).select_from(FACE))

    def count_images(self) -> tuple[int, int]:
        """Count the photographs that were searched, and those in which faces were found."""
        searched = self._scalar(select(func.count()).select_from(FACE_SEARCH))
        return searched, self._scalar(select(func.count()).select_from(FACE_SEARCH).where(FACE_SEARCH.c["count"] > 0))

    def next_id(self) -> int:
        """Return the next face's id, which is above every id ever used."""
        last = self._connection.execute(select(SEQUENCE.c.seq).where(SEQUENCE.c.name == FACE.name)).scalar()
        return int(last or 0) + 1

    def add(self, records: Iterable[FaceRecord]) -> None:
        """Add faces, whose ids must start at `next_id`."""
        rows = [record._asdict() for record in records]
        if rows:
            self._connection.execute(insert(FACE), rows)
            self.have_changed = True

    def note_searched(self, counts: Iterable[tuple[int, int]]) -> None:
        """Record that photographs were searched: their ids, with the number of faces stored for each."""
        rows = [{"image_id": image_id, "count": count} for image_id, count in counts]
        if rows:
            self._connection.execute(insert(FACE_SEARCH).prefix_with("OR REPLACE"), rows)

    def unsearched(self, image_ids: Sequence[int]) -> set[int]:
        """Return those of some photographs that were not searched for faces."""
        found: set[int] = set()
        for start in range(0, len(image_ids), VALUES_AT_ONCE):
            some = image_ids[start : start + VALUES_AT_ONCE]
            query = select(FACE_SEARCH.c.image_id).where(FACE_SEARCH.c.image_id.in_(some))
            found.update(self._connection.execute(query).scalars())
        return set(image_ids) - found

    def of_ids(self, ids: Sequence[int]) -> dict[int, FaceRecord]:
        """Return the faces with these ids; unknown ids are skipped."""
        return {record.id: record for record in self._where_in("id", ids)}

    def of_images(self, image_ids: Sequence[int]) -> list[FaceRecord]:
        """Return the faces of photographs, ordered by id."""
        return sorted(self._where_in("image_id", image_ids))

    def ids_of_images(self, image_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ids of the faces of photographs, int64 (n,), ascending."""
        ids, owners = columns_of(self._connection.execute(select(FACE.c.id, FACE.c.image_id).order_by(FACE.c.id)))
        return ids[np.isin(owners, image_ids)]

    def positions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and code positions of all faces, int64 (n,) each, ordered by position."""
        return self.positions_from(0)

    def positions_from(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and positions, int64 (n,) each, ordered by position, of faces with positions from `first` on."""
        columns = select(FACE.c.id, FACE.c.position).where(FACE.c.position >= first)
        return columns_of(self._connection.execute(columns.order_by(FACE.c.position)))

    def removed(self) -> list[int]:
        """Return removed ids that the FAISS index may still contain."""
        return list(self._connection.execute(select(REMOVED_FACE.c.id)).scalars())

    def forget_removed(self) -> None:
        """Record that the FAISS index no longer contains removed ids."""
        self._connection.execute(delete(REMOVED_FACE))

    def _where_in(self, column: str, values: Sequence[int]) -> list[FaceRecord]:
        found: list[FaceRecord] = []
        for start in range(0, len(values), VALUES_AT_ONCE):
            some = [int(value) for value in values[start : start + VALUES_AT_ONCE]]
            rows = self._connection.execute(select(FACE).where(FACE.c[column].in_(some)))
            found += map(FaceRecord._make, rows)
        return found
