"""The catalogue's records for finding copies: content hashes and fingerprints."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, LargeBinary, bindparam, exists, func, insert, select

from indexer.catalog.schema import FINGERPRINT, IMAGE
from indexer.catalog.sqlite import Statements

VIEWS = ("white", "black", "frames")
ADD = insert(FINGERPRINT).prefix_with("OR REPLACE")
ADD_TO_EXISTING = ADD.from_select(
    ["image_id", *VIEWS],
    select(bindparam("target", type_=Integer), *(bindparam(view, type_=LargeBinary) for view in VIEWS)).where(
        exists().where(IMAGE.c.id == bindparam("target"))
    ),
)
COPY = ADD.from_select(
    ["image_id", *VIEWS],
    select(bindparam("target", type_=Integer), *(FINGERPRINT.c[view] for view in VIEWS)).where(
        FINGERPRINT.c.image_id == bindparam("source")
    ),
)


class Copies(Statements):
    """Images with identical content, and the fingerprints of images."""

    def exact(self) -> list[list[int]]:
        """Return the ids of images that share their content, one list per content."""
        shared = select(IMAGE.c.digest).group_by(IMAGE.c.digest).having(func.count() > 1)
        rows = self._connection.execute(
            select(IMAGE.c.digest, IMAGE.c.id).where(IMAGE.c.digest.in_(shared)).order_by(IMAGE.c.digest, IMAGE.c.id)
        )
        return [[row[1] for row in same] for _, same in itertools.groupby(rows, key=lambda row: row[0])]

    def fingerprints(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return ids of images with a fingerprint, int64 (n,), ascending, and fingerprints, uint8 (n, SIDE, SIDE).

        These are the first frames over white; `further_views` returns the rest.
        """
        from indexer.decoding.fingerprint import SIDE

        ids, pixels = array("q"), bytearray()
        columns = select(FINGERPRINT.c.image_id, FINGERPRINT.c.white).order_by(FINGERPRINT.c.image_id)
        for image_id, white in self._connection.execute(columns):
            ids.append(image_id)
            pixels += white
        return np.frombuffer(ids, np.int64), np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)

    def further_views(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the additional views of images with transparency or several frames.

        Returns ids, int64 (n,), ascending, one for each view, and the views, uint8 (n, SIDE, SIDE).
        """
        from indexer.decoding.fingerprint import BYTES, SIDE

        ids, pixels = array("q"), bytearray()
        has_more = (FINGERPRINT.c.black != b"") | (FINGERPRINT.c.frames != b"")
        for image_id, _, black, frames in self._connection.execute(
            select(FINGERPRINT).where(has_more).order_by(FINGERPRINT.c.image_id)
        ):
            views = black + (frames or b"")
            ids.extend([image_id] * (len(views) // BYTES))
            pixels += views
        return np.frombuffer(ids, np.int64), np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)

    def without_fingerprint(self) -> list[int]:
        """Return the ids of images without a fingerprint, or with frames that have not been read yet."""
        joined = IMAGE.outerjoin(FINGERPRINT, FINGERPRINT.c.image_id == IMAGE.c.id)
        missing = (
            select(IMAGE.c.id)
            .select_from(joined)
            .where(FINGERPRINT.c.image_id.is_(None) | (FINGERPRINT.c.frames == b""))
        )
        return list(self._connection.execute(missing.order_by(IMAGE.c.id)).scalars())

    def add_fingerprints(self, fingerprints: Iterable[tuple[int, tuple[bytes, bytes, bytes | None]]]) -> None:
        """Store fingerprints (see indexer.decoding.fingerprint) by image id; ids that no longer exist are skipped."""
        rows = [
            {"target": image_id, **dict(zip(VIEWS, fingerprint, strict=True))} for image_id, fingerprint in fingerprints
        ]
        if rows:
            self._connection.execute(ADD_TO_EXISTING, rows)

    def copy_fingerprints(self, copies: Iterable[tuple[int, int]]) -> None:
        """Copy fingerprints between images, given as (target id, source id); sources without one are skipped."""
        rows = [{"target": target, "source": source} for target, source in copies]
        if rows:
            self._connection.execute(COPY, rows)
