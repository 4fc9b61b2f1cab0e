"""The catalogue's images: their records, and what finds copies of them, content hashes and fingerprints."""

from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, bindparam, delete, func, insert, select, update

from indexer.catalog.schema import FACE_SEARCH, FINGERPRINT, IMAGE, REMOVED, SEQUENCE
from indexer.catalog.sqlite import Statements, values_checked
from indexer.numbers import FIRST_ID


class ImageRecord(NamedTuple):
    """An image in the index.

    path: absolute, with surrogate escapes for bytes that are not UTF-8. size: in bytes. mtime_ns: the file's
    modification time, in nanoseconds since 1970. digest: SHA-256 of its content. width, height: in pixels, as
    displayed. position: row of its code. added: seconds since 1970. incomplete: 1 if part of the file is missing, so
    that part of the picture is grey, else 0.
    """

    id: int
    path: str
    size: int
    mtime_ns: int
    digest: bytes
    width: int
    height: int
    position: int
    added: float
    incomplete: int = 0


class Rows(Protocol):
    """A table of the catalogue whose rows have codes: Images, or indexer.catalog.faces.Faces."""

    def positions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and positions of all rows, ordered by position."""
        ...

    def positions_from(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and positions, ordered by position, from a position on."""
        ...

    def removed(self) -> list[int]:
        """Return removed ids that the base may still contain."""
        ...


def megapixels(width: int, height: int) -> float:
    """Return the size of a picture in millions of pixels, to two decimals."""
    return (width * height + 5_000) // 10_000 / 100


class Images(Statements):
    """The images, by id, path and position.

    have_changed: whether images were added or removed since the last commit.
    """

    have_changed = False

    def count(self) -> int:
        """Count the images."""
        return self._scalar(select(func.count()).select_from(IMAGE))

    def count_incomplete(self) -> int:
        """Count the incomplete images."""
        return self._scalar(select(func.count()).select_from(IMAGE).where(IMAGE.c.incomplete != 0))

    def last_added(self) -> float | None:
        """Return when the latest image was added, in seconds since 1970; None without images."""
        newest = select(IMAGE.c.added).order_by(IMAGE.c.id.desc()).limit(1)
        found: float | None = self._connection.execute(newest).scalar()
        return found

    def next_id(self) -> int:
        """Return the next image's id, which is above every id ever used."""
        last = self._connection.execute(select(SEQUENCE.c.seq).where(SEQUENCE.c.name == IMAGE.name)).scalar()
        return int(last or 0) + 1

    def all(self) -> Iterator[ImageRecord]:
        """Yield every image, ordered by id."""
        return map(ImageRecord._make, self._connection.execute(select(IMAGE).order_by(IMAGE.c.id)))

    def from_id(self, first: int, count: int) -> list[ImageRecord]:
        """Return the first `count` images with ids from `first` on, ordered by id."""
        some = select(IMAGE).where(IMAGE.c.id >= first).order_by(IMAGE.c.id).limit(count)
        return [ImageRecord._make(row) for row in self._connection.execute(some)]

    def of_ids(self, ids: Sequence[int]) -> dict[int, ImageRecord]:
        """Return the images with these ids; unknown ids are skipped."""
        return {record.id: record for record in map(_record_of, self._fast.images(ids))}

    def id_of(self, path: str) -> int | None:
        """Return the id of the image at an absolute path, or None."""
        found: int | None = self._connection.execute(select(IMAGE.c.id).where(IMAGE.c.path == path)).scalar()
        return found

    def under(self, path: str) -> Iterator[tuple[int, str]]:
        """Yield id and path of images at or below an absolute path; safe while images are removed."""
        found = self._fast.images_under(os.fsencode(path))
        return ((image_id, os.fsdecode(image_path)) for image_id, image_path in found)

    def positions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and code positions of all images, int64 (n,) each, ordered by position."""
        return columns_of(self._connection.execute(select(IMAGE.c.id, IMAGE.c.position).order_by(IMAGE.c.position)))

    def positions_from(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and positions, int64 (n,) each, ordered by position, of images with positions from `first` on."""
        columns = select(IMAGE.c.id, IMAGE.c.position).where(IMAGE.c.position >= first)
        return columns_of(self._connection.execute(columns.order_by(IMAGE.c.position)))

    def at(self, paths: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the images at some absolute paths, by path."""
        rows = self._fast.images_at(list(map(os.fsencode, paths)))
        return {record.path: record for record in map(_record_of, rows)}

    def at_before(self, paths: Sequence[str], before: int) -> dict[str, ImageRecord]:
        """Return the images at absolute paths, by path; {} if `before`, the run's first id, shows a new index."""
        if before <= FIRST_ID:  # a new index had no images before the run, so skip the query
            return {}
        return self.at(paths)

    def contents_of_size(self, size: int, before: int, at_most: int, with_faces: bool = False) -> tuple[bytes, ...]:
        """Return the SHA-256 of up to `at_most` contents of `size` bytes among images with ids below `before`.

        with_faces: only among images that were searched for faces.
        """
        found = select(IMAGE.c.digest).where(IMAGE.c.size == size, IMAGE.c.id < before).distinct().limit(at_most)
        if with_faces:
            found = found.where(IMAGE.c.id.in_(select(FACE_SEARCH.c.image_id)))
        return tuple(row[0] for row in self.rows(found))

    def of_content(self, size: int, digest: bytes, after: int, at_most: int) -> list[ImageRecord]:
        """Return up to `at_most` images with this content and ids above `after`, ordered by id."""
        same = select(IMAGE).where(IMAGE.c.size == size, IMAGE.c.digest == digest, IMAGE.c.id > after)
        return [ImageRecord._make(row) for row in self.rows(same.order_by(IMAGE.c.id).limit(at_most))]

    def add(self, records: Iterable[ImageRecord]) -> None:
        """Add images, whose ids must start at `next_id`."""
        rows = [(record[0], os.fsencode(record.path), *record[2:]) for record in records]
        if rows:
            self._fast.add_images(rows)
            self.have_changed = True

    def relocate(self, image_id: int, path: str, size: int, mtime_ns: int) -> None:
        """Record that an image's content now has another path, size and modification time."""
        values = {"path": path, "size": size, "mtime_ns": mtime_ns}
        self._connection.execute(update(IMAGE).where(IMAGE.c.id == image_id).values(values))

    def remove(self, ids: Iterable[int]) -> None:
        """Remove images with their labels, fingerprints, facts and faces. Their ids are never reused."""
        removed = list(ids)
        if removed:
            self._fast.remove_images(removed)
            self.have_changed = True

    def removed(self) -> list[int]:
        """Return removed ids that the FAISS index may still contain."""
        return list(self._connection.execute(select(REMOVED.c.id)).scalars())

    def forget_removed(self) -> None:
        """Record that the FAISS index no longer contains removed ids."""
        self._connection.execute(delete(REMOVED))


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
        rows = self._connection.execute(columns)
        with values_checked():
            for image_id, white in rows:
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
        rows = self._connection.execute(select(FINGERPRINT).where(has_more).order_by(FINGERPRINT.c.image_id))
        with values_checked():
            for image_id, _, black, frames in rows:
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
        rows = [(image_id, *fingerprint, image_id) for image_id, fingerprint in fingerprints]
        if rows:
            self._fast.add_fingerprints(rows)

    def copy_fingerprints(self, copies: Iterable[tuple[int, int]]) -> None:
        """Copy fingerprints between images, given as (target id, source id); sources without one are skipped."""
        rows = [{"target": target, "source": source} for target, source in copies]
        if rows:
            views = [column for column in FINGERPRINT.columns if column.name != "image_id"]
            target = bindparam("target", type_=Integer)
            found = select(target, *views).where(FINGERPRINT.c.image_id == bindparam("source"))
            self._connection.execute(
                insert(FINGERPRINT).prefix_with("OR REPLACE").from_select(["image_id", *views], found), rows
            )


def _record_of(row: Sequence[Any]) -> ImageRecord:
    """Build a record from a row with all columns, whose path is bytes."""
    return ImageRecord(row[0], os.fsdecode(row[1]), *row[2:])


def columns_of(rows: Iterable[Iterable[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the two columns of rows as arrays."""
    with values_checked():
        numbers = np.fromiter(itertools.chain.from_iterable(rows), np.int64)
    return numbers[0::2], numbers[1::2]
