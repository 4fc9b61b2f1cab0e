"""Stores the faces of photographs: their codes, their rows, and which photographs were searched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.faces import FaceRecord, packed
from indexer.workers.tasks import Outcome, PlainFace

if TYPE_CHECKING:
    from indexer.index.writer import IndexWriter


class FaceStore:
    """Writes faces to an index that has a space for them.

    found: the number of faces stored. seconds: that finding them took.
    """

    def __init__(self, index: IndexWriter) -> None:
        self._index = index
        self._next_id = index.catalog.faces.next_id()
        self.found = 0
        self.seconds = 0.0

    def add(
        self, outcomes: Sequence[Outcome], codes: NDArray[np.float32], wanted: Sequence[tuple[int, Outcome]]
    ) -> None:
        """Store the faces of photographs that have no faces yet.

        outcomes: all of a chunk. codes: of all their faces, (m, e), in the same order. wanted: the photographs, by id.
        """
        first_rows, row = {}, 0
        for outcome in outcomes:
            first_rows[outcome.job.path] = row
            row += len(outcome.faces or ())
        unsearched = self._index.catalog.faces.unsearched([image_id for image_id, _ in wanted])
        for image_id, outcome in wanted:
            if outcome.faces is not None and image_id in unsearched:
                first = first_rows[outcome.job.path]
                self._store(image_id, outcome.faces, codes[first : first + len(outcome.faces)])

    def copy(self, copies: Iterable[tuple[int, int]]) -> None:
        """Copy the faces of photographs with the same content, given as (new id, id); unsearched ones are left."""
        catalog = self._index.catalog
        for image_id, twin_id in copies:
            if catalog.faces.unsearched([twin_id]):
                continue
            records = catalog.faces.of_images([twin_id])
            codes = [self._index.face_code_at(record.position) for record in records]
            positions = self._index.append_faces(np.array(codes)) if codes else range(0)
            self._add(image_id, records, positions)

    def _store(self, image_id: int, faces: Sequence[PlainFace], codes: NDArray[np.float32]) -> None:
        sound: NDArray[np.bool_] = np.isfinite(codes).all(axis=1)  # type: ignore[assignment]
        positions = self._index.append_faces(codes[sound])
        kept = [face for face, is_sound in zip(faces, sound.tolist(), strict=True) if is_sound]
        records = []
        for (left, top, right, bottom), points, score in kept:
            records.append(FaceRecord(0, image_id, 0, left, top, right, bottom, packed(points), score))
        self._add(image_id, records, positions)

    def _add(self, image_id: int, records: Sequence[FaceRecord], positions: range) -> None:
        """Add rows with new ids and the positions of their codes."""
        numbered = zip(records, positions, strict=True)
        first, self._next_id = self._next_id, self._next_id + len(records)
        self._index.catalog.faces.add(
            record._replace(id=face_id, image_id=image_id, position=position)
            for face_id, (record, position) in enumerate(numbered, first)
        )
        self._index.catalog.faces.note_searched([(image_id, len(records))])
        self.found += len(records)
