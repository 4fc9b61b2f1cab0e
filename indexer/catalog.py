"""The catalogue: an index's images, labels and failures, and which encoder it has, in SQLite.

A catalogue works inside one transaction at a time. A reader sees the state of its first look until `refresh`; a
writer's changes are seen by others after `commit`, and are gone if it dies before.
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, ColumnElement, Connection, Select, delete, func, select, update
from sqlalchemy.exc import DatabaseError

from indexer.connection import connect, raise_told
from indexer.discover import printable
from indexer.facts import Facts
from indexer.fingerprint import SIDE
from indexer.schema import (
    FAILURE,
    FINGERPRINT,
    IMAGE,
    LABEL,
    LABEL_SOURCE,
    META,
    REMOVED,
    migrate,
    schema_version,
)

FILE_NAME = "catalog.sqlite"
# SQLite takes at most 32,766 values in one statement.
VALUES_AT_ONCE = 10_000
# Rows in one statement take half the time of a statement each.
LABELS_AT_ONCE = 256

IMAGE_COLUMNS = ", ".join(column.name for column in IMAGE.columns)
# CROSS JOIN keeps SQLite from going through a label's every value.
LABELS_OF_IDS = (
    "SELECT image_id, name, value FROM label CROSS JOIN label_value ON label_id = label.id "
    "WHERE image_id IN (?) ORDER BY label.id"
)


# Values of label ?1. A predicted one takes the place of a predicted one alone.
ADD_GIVEN = "REPLACE INTO label_value (label_id, image_id, value, predicted) VALUES {}"
ADD_PREDICTED = (
    "INSERT INTO label_value (label_id, image_id, value, predicted) VALUES {} "
    "ON CONFLICT DO UPDATE SET value = excluded.value WHERE predicted = 1"
)
PREDICTED_OF_IDS = (
    "SELECT image_id, name FROM label CROSS JOIN label_value ON label_id = label.id "
    "WHERE image_id IN (?) AND predicted = 1 ORDER BY label.id"
)

LabelValue = int | float | str
Item = TypeVar("Item")


class ImageRecord(NamedTuple):
    """An image of the index.

    path: absolute, with surrogate escapes where it is not UTF-8. size: bytes. mtime_ns: of the file. digest: SHA-256 of
    its content. width, height: pixels, as shown. position: of its code. added: seconds since 1970.
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


class Failure(NamedTuple):
    """A file that cannot be used, why, and what it was when it was tried (None where that is not known)."""

    path: str
    reason: str
    size: int | None = None
    mtime_ns: int | None = None


class Catalog:
    """One open catalogue. Raises DamagedIndex, on any use, when SQLite finds its file damaged.

    images_changed: whether images were added or removed since the last commit. relabelled: whether images that were
    there when it was opened for writing got labels since the last commit.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self.images_changed = self.relabelled = False
        self._first_new = 0

    @classmethod
    def read(cls, path: Path) -> Catalog:
        """Open for reading; never waits for a writer."""
        # A folder that may not be written to has no place for the files that readers and a writer share.
        alone = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
        return cls(connect(path, "mode=ro&immutable=1" if alone else "mode=ro"), path)

    @classmethod
    def write(cls, path: Path, facts_of_new: Facts | None = None) -> Catalog:
        """Open for writing, made where facts are given and there is none, and brought to the newest schema; commits.

        Raises IndexStateError when a newer version made it. The caller holds the writer's lock.
        """
        catalog = cls(connect(path, "mode=rwc"), path)
        try:
            migrate(catalog._connection, printable(path.parent))
            if facts_of_new is not None and catalog.facts() is None:
                catalog.set_facts(facts_of_new)
            catalog._first_new = catalog.next_id()
            catalog.commit()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @contextmanager
    def beside(self) -> Iterator[Catalog]:
        """Another look at the same file, for reading, by its own transactions."""
        reader = Catalog.read(self.path)
        try:
            yield reader
        finally:
            reader.close()

    def close(self) -> None:
        """Forget what was not committed and let the file go."""
        self._connection.close()

    def refresh(self) -> None:
        """Forget what was not committed; the next look sees what others have committed since."""
        self._connection.rollback()
        self.images_changed = self.relabelled = False

    def commit(self) -> None:
        """Make all changes since the last commit lasting and seen, at once."""
        self._connection.commit()
        self.images_changed = self.relabelled = False

    def version(self) -> int:
        """The version of the schema; 0 for a file that a first run was killed before filling."""
        return schema_version(self._connection)

    def facts(self) -> Facts | None:
        """What the index knows of itself; None before the first run has written it."""
        stored = {key: json.loads(value) for key, value in self._connection.execute(select(META.c.key, META.c.value))}
        return Facts.from_json(stored)

    def set_facts(self, facts: Facts) -> None:
        """Write what the index knows of itself."""
        rows = [(key, json.dumps(value)) for key, value in facts.to_json().items()]
        self._connection.exec_driver_sql("REPLACE INTO meta VALUES (?, ?)", rows)

    # Images

    def count(self) -> int:
        """How many images there are."""
        return self._scalar(select(func.count()).select_from(IMAGE))

    def last_added(self) -> float | None:
        """When an image was added last, in seconds since 1970."""
        newest = select(IMAGE.c.added).order_by(IMAGE.c.id.desc()).limit(1)
        found: float | None = self._connection.execute(newest).scalar()
        return found

    def next_id(self) -> int:
        """The id of the next image: above every id that was ever given."""
        last = self._connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'image'").scalar()
        return int(last or 0) + 1

    def all_images(self) -> Iterator[ImageRecord]:
        """Every image, by id."""
        return map(ImageRecord._make, self._connection.execute(select(IMAGE).order_by(IMAGE.c.id)))

    def images_from(self, first: int, count: int) -> list[ImageRecord]:
        """The first so many images with this id or a greater one, by id."""
        some = select(IMAGE).where(IMAGE.c.id >= first).order_by(IMAGE.c.id).limit(count)
        return [ImageRecord._make(row) for row in self._connection.execute(some)]

    def images(self, ids: Sequence[int]) -> dict[int, ImageRecord]:
        """The images of these ids that there are."""
        rows = self._of_ids(f"SELECT {IMAGE_COLUMNS} FROM image WHERE id IN (?)", ids)
        return {row[0]: ImageRecord(row[0], os.fsdecode(row[1]), *row[2:]) for row in rows}

    def id_of(self, path: str) -> int | None:
        """The id of the image at an absolute path."""
        found: int | None = self._connection.execute(select(IMAGE.c.id).where(IMAGE.c.path == path)).scalar()
        return found

    def images_under(self, path: str) -> Iterator[tuple[int, str]]:
        """Id and path of the image at an absolute path, and of all in that folder; they may be removed meanwhile."""
        return ((image_id, os.fsdecode(found)) for image_id, found in self._under("id, path", "image", path))

    def positions(self, ids: Sequence[int] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and the positions of their codes, int64 (n,) each, by position; of all images, or of those there are."""
        if ids is None:
            columns = select(IMAGE.c.id, IMAGE.c.position)
            rows: Iterable[Sequence[int]] = self._connection.execute(columns.order_by(IMAGE.c.position))
        else:
            rows = sorted(
                self._of_ids("SELECT id, position FROM image WHERE id IN (?)", ids), key=lambda row: int(row[1])
            )
        numbers = np.fromiter(itertools.chain.from_iterable(rows), np.int64)
        return numbers[0::2], numbers[1::2]

    def positions_from(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and positions, int64 (n,) each, by position, of the images whose codes lie there or behind."""
        rows = self._connection.exec_driver_sql(
            "SELECT id, position FROM image WHERE position >= ? ORDER BY position", (first,)
        )
        numbers = np.fromiter(itertools.chain.from_iterable(rows), np.int64)
        return numbers[0::2], numbers[1::2]

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageRecord]:
        """The images at absolute paths, by path."""
        rows = self._of(f"SELECT {IMAGE_COLUMNS} FROM image WHERE path IN (?)", list(map(os.fsencode, paths)))
        records = (ImageRecord(row[0], os.fsdecode(row[1]), *row[2:]) for row in rows)
        return {record.path: record for record in records}

    def add_images(self, records: Iterable[ImageRecord]) -> None:
        """Add images with ids from `next_id` on."""
        rows = [(record[0], os.fsencode(record.path), *record[2:]) for record in records]
        if rows:
            self._plainly("INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows, many=True)
            self.images_changed = True

    def relocate(self, image_id: int, path: str, size: int, mtime_ns: int) -> None:
        """Note that an image's content now lies there, with that size and time of change."""
        values = {"path": path, "size": size, "mtime_ns": mtime_ns}
        self._connection.execute(update(IMAGE).where(IMAGE.c.id == image_id).values(values))

    def remove_images(self, ids: Iterable[int]) -> None:
        """Remove images and their labels; their ids are never given again."""
        rows = [(image_id,) for image_id in ids]
        if rows:
            self._connection.exec_driver_sql(
                "DELETE FROM label_value WHERE label_id IN (SELECT id FROM label) AND image_id = ?", rows
            )
            self._connection.exec_driver_sql("DELETE FROM fingerprint WHERE image_id = ?", rows)
            self._connection.exec_driver_sql("DELETE FROM image WHERE id = ?", rows)
            self._connection.exec_driver_sql("REPLACE INTO removed VALUES (?)", rows)
            self.images_changed = True

    def removed(self) -> list[int]:
        """Ids that are gone but may still stand in the file of vectors."""
        return list(self._connection.execute(select(REMOVED.c.id)).scalars())

    def forget_removed(self) -> None:
        """Note that the file of vectors holds no removed id any more."""
        self._connection.execute(delete(REMOVED))

    def ids(self, query: Select[tuple[int]]) -> NDArray[np.int64]:
        """The ids that a SELECT of one column gives, int64 (n,), ascending."""
        # As one text: it takes half the time of a row each.
        found = self._connection.execute(select(func.group_concat(query.subquery().columns[0]))).scalar()
        return np.sort(np.fromstring(found, np.int64, sep=",")) if found else np.empty(0, np.int64)

    # Copies

    def exact_copies(self) -> list[list[int]]:
        """The ids of images that have the same content, for every content that more than one has."""
        shared = select(IMAGE.c.digest).group_by(IMAGE.c.digest).having(func.count() > 1)
        rows = self._connection.execute(
            select(IMAGE.c.digest, IMAGE.c.id).where(IMAGE.c.digest.in_(shared)).order_by(IMAGE.c.digest, IMAGE.c.id)
        )
        return [[row[1] for row in same] for _, same in itertools.groupby(rows, key=lambda row: row[0])]

    def fingerprints(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Ids of the images that have a fingerprint, int64 (n,), ascending, and these, uint8 (n, SIDE, SIDE)."""
        ids, pixels = array("q"), bytearray()
        for image_id, fingerprint in self._connection.execute(select(FINGERPRINT).order_by(FINGERPRINT.c.image_id)):
            ids.append(image_id)
            pixels += fingerprint
        return np.frombuffer(ids, np.int64), np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)

    def without_fingerprint(self) -> list[int]:
        """The ids of images that have none."""
        joined = IMAGE.outerjoin(FINGERPRINT, FINGERPRINT.c.image_id == IMAGE.c.id)
        missing = select(IMAGE.c.id).select_from(joined).where(FINGERPRINT.c.image_id.is_(None))
        return list(self._connection.execute(missing.order_by(IMAGE.c.id)).scalars())

    def add_fingerprints(self, fingerprints: Iterable[tuple[int, bytes]]) -> None:
        """Give images by id their fingerprints; one whose image is gone is left out."""
        rows = [(image_id, pixels, image_id) for image_id, pixels in fingerprints]
        if rows:
            self._plainly(
                "REPLACE INTO fingerprint SELECT ?, ? WHERE EXISTS (SELECT 1 FROM image WHERE id = ?)", rows, many=True
            )

    def copy_fingerprints(self, copies: Iterable[tuple[int, int]]) -> None:
        """Give images the fingerprints of others, where those have one: (id, id of the other)."""
        rows = list(copies)
        if rows:
            self._connection.exec_driver_sql(
                "REPLACE INTO fingerprint SELECT ?, pixels FROM fingerprint WHERE image_id = ?", rows
            )

    # Failures

    def failures(self) -> list[Failure]:
        """The files that cannot be used, by path."""
        return [Failure._make(row) for row in self._connection.execute(select(FAILURE).order_by(FAILURE.c.path))]

    def count_failures(self) -> int:
        """How many files cannot be used."""
        return self._scalar(select(func.count()).select_from(FAILURE))

    def failures_under(self, path: str) -> Iterator[str]:
        """The path itself, if its file cannot be used, and those of all such files in that folder; as images_under."""
        return (os.fsdecode(found) for (found,) in self._under("path", "failure", path))

    def add_failures(self, failures: Iterable[Failure]) -> None:
        """Note failures, each in the place of an earlier one of that file."""
        rows = [(os.fsencode(failure.path), *failure[1:]) for failure in failures]
        if rows:
            self._connection.exec_driver_sql("REPLACE INTO failure VALUES (?, ?, ?, ?)", rows)

    def remove_failures(self, paths: Iterable[str]) -> None:
        """Forget the failures of files."""
        if not self._plainly("SELECT 1 FROM failure LIMIT 1", ()).fetchall():
            return
        rows = [(os.fsencode(path),) for path in paths]
        if rows:
            self._plainly("DELETE FROM failure WHERE path = ?", rows, many=True)

    # Labels

    def labels(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """The labels of images, for those that have any, in the order in which the labels were first seen."""
        found: dict[int, dict[str, LabelValue]] = {}
        for image_id, name, value in self._of_ids(LABELS_OF_IDS, ids):
            found.setdefault(image_id, {})[name] = value
        return found

    def label_names(self) -> list[str]:
        """The names of all labels, in the order in which they were first seen."""
        return list(self._connection.execute(select(LABEL.c.name).order_by(LABEL.c.id)).scalars())

    def add_labels(self, labels: Iterable[tuple[int, Mapping[str, LabelValue]]], predicted: bool = False) -> None:
        """Give images labels by id, each in the place of an earlier one of that name.

        predicted: whether they are predicted ones, which take the place of predicted ones alone.
        """
        given = list(labels)
        names = list(dict.fromkeys(name for _, values in given for name in values))
        rows = [(image_id, [values.get(name) for name in names]) for image_id, values in given]
        self.add_label_rows(names, rows, predicted)

    def add_label_rows(
        self, names: Sequence[str], rows: Sequence[tuple[int, Sequence[LabelValue | None]]], predicted: bool = False
    ) -> None:
        """The same for labels that come as a table: names, then an image's id and its value of each, None for none."""
        if not names or not rows:
            return
        ids, values = zip(*rows, strict=True)
        self.relabelled |= min(ids) < self._first_new
        # In the order of the table, label by label, which takes half the time of a row after another and sorting.
        columns = zip(self._label_ids(names), zip(*values, strict=True), strict=True)
        for label_id, column in sorted(columns, key=lambda pair: pair[0]):
            for start in range(0, len(ids), LABELS_AT_ONCE):
                some = slice(start, start + LABELS_AT_ONCE)
                self._add_column(label_id, ids[some], column[some], predicted)

    def _add_column(
        self, label_id: int, ids: Sequence[int], values: Sequence[LabelValue | None], predicted: bool
    ) -> None:
        """Give images one label; None for no value."""
        if None in values:
            given = [row for row in zip(ids, values, strict=True) if row[1] is not None]
            ids, values = [row[0] for row in given], [row[1] for row in given]
        if not values:
            return
        statement = ADD_PREDICTED if predicted else ADD_GIVEN
        cells: list[Any] = [None] * (2 * len(ids))
        cells[0::2], cells[1::2] = ids, values
        self._plainly(statement.format(_label_marks(len(ids), predicted)), [label_id, *cells])

    def predicted_labels(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """The names of those labels of images that are predicted, for those images that have any."""
        found: dict[int, set[str]] = {}
        for image_id, name in self._of_ids(PREDICTED_OF_IDS, ids):
            found.setdefault(image_id, set()).add(name)
        return found

    def forget_predicted(self) -> None:
        """Take away every predicted label."""
        self._connection.exec_driver_sql("DELETE FROM label_value WHERE predicted = 1")

    def label_sources(self) -> dict[str, bytes]:
        """The label files whose every value has been stored: path -> SHA-256 of the content."""
        return {path: digest for path, digest in self._connection.execute(select(LABEL_SOURCE))}

    def set_label_sources(self, sources: Mapping[str, bytes]) -> None:
        """Note that every value of these label files has been stored, and of no others."""
        self._connection.execute(delete(LABEL_SOURCE))
        rows = [(os.fsencode(path), digest) for path, digest in sources.items()]
        if rows:
            self._connection.exec_driver_sql("INSERT INTO label_source VALUES (?, ?)", rows)

    def rows(self, query: Select[Any]) -> Sequence[Sequence[Any]]:
        """What a SELECT gives."""
        return self._connection.execute(query).all()

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the file: sentences, none when it is sound."""
        try:
            found = self._connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        except DatabaseError as error:
            return [str(error.orig)]
        return [] if list(found) == ["ok"] else [str(line) for line in found]

    def _label_ids(self, names: Sequence[str]) -> list[int]:
        """The ids of labels by name; those that are not there yet are added."""
        there = {name: label_id for label_id, name in self._plainly("SELECT id, name FROM label", ())}
        for name in names:
            if name not in there:
                added = self._plainly("INSERT INTO label (name) VALUES (?)", (name,)).lastrowid
                there[name] = int(added or 0)
        return [there[name] for name in names]

    def _scalar(self, query: Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())

    def _under(self, columns: str, table: str, path: str) -> Iterator[Any]:
        """Columns, the path last, of a path's row and of those below it, by pages, so that all may change meanwhile.

        As plain statements: a thousand paths to remove are looked for one by one.
        """
        select_them = f"SELECT {columns} FROM {table} WHERE"
        yield from self._connection.exec_driver_sql(f"{select_them} path = ?", (os.fsencode(path),)).all()
        first, behind = map(os.fsencode, _below(path))
        least = ">="
        while True:
            some = self._connection.exec_driver_sql(
                f"{select_them} path {least} ? AND path < ? ORDER BY path LIMIT {VALUES_AT_ONCE}", (first, behind)
            ).all()
            yield from some
            if len(some) < VALUES_AT_ONCE:
                return
            first, least = some[-1][-1], ">"

    def _of_ids(self, statement: str, ids: Sequence[int]) -> list[Any]:
        return self._of(statement, list(map(int, ids)))

    def _of(self, statement: str, values: Sequence[int | bytes]) -> list[Any]:
        """The rows of a statement for some values, which stand where it has (?)."""
        found: list[Any] = []
        for start in range(0, len(values), VALUES_AT_ONCE):
            some = values[start : start + VALUES_AT_ONCE]
            marks = f"({','.join('?' * len(some))})"
            found += self._plainly(statement.replace("(?)", marks), some).fetchall()
        return found

    def _plainly(self, statement: str, values: Sequence[Any], many: bool = False) -> sqlite3.Cursor:
        """Carry out a statement with values, or with many rows of them, inside the open transaction.

        By SQLite's own module: SQLAlchemy takes several times as long to put such a statement together, and its rows,
        as SQLite to carry it out.
        """
        if not self._connection.in_transaction():
            self._connection.begin()
        carry_out = self._sqlite.executemany if many else self._sqlite.execute
        try:
            return carry_out(statement, values)
        except sqlite3.DatabaseError as error:
            raise_told(error)
            raise

    @cached_property
    def _sqlite(self) -> sqlite3.Connection:
        connection = self._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection


@cache
def _label_marks(count: int, predicted: bool) -> str:
    """Rows of label ?1: an image's id and a value each."""
    return ", ".join(f"(?1, ?{place}, ?{place + 1}, {int(predicted)})" for place in range(2, 2 * count + 2, 2))


def is_under(column: Column[str], path: str) -> ColumnElement[bool]:
    """SQL for whether a path is this one or lies in that folder; by a range, which the column's index finds."""
    first, behind = _below(path)
    return (column == path) | ((column >= first) & (column < behind))


def _below(path: str) -> tuple[str, str]:
    """What the paths of all that lies in a folder are not below, and what they are all below."""
    folder = path.rstrip(os.sep)
    return folder + os.sep, folder + chr(ord(os.sep) + 1)
