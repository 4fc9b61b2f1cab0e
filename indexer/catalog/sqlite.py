"""All direct use of SQLite: opening the file, translating its errors, and the statements that bypass SQLAlchemy Core.

All other SQL of the catalogue is Core, apart from migrations and PRAGMAs.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, create_engine, event, func, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from indexer.catalog.schema import FACT_NAMES, IMAGE, bounds_of
from indexer.errors import DamagedIndex, InputError, LockedIndex
from indexer.numbers import can_be_kept

SECONDS_TO_WAIT = 30
# SQLite accepts at most 32,766 values in one statement.
VALUES_AT_ONCE = 10_000
# What SQLite says about a text that is not UTF-8, and about a schema with damaged names; these errors have no code, or
# the general one.
DAMAGE = ("Could not decode to UTF-8", "no such table", "no such column", "unsupported file format")

IMAGE_COLUMNS = ", ".join(column.name for column in IMAGE.columns)
ADD_IMAGE = f"INSERT INTO image ({IMAGE_COLUMNS}) VALUES ({', '.join('?' * len(IMAGE.columns))})"
ADD_FINGERPRINT = "REPLACE INTO fingerprint SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM image WHERE id = ?)"
# CROSS JOIN fixes the join order; otherwise SQLite may scan all values of a label.
LABELS_OF_IDS = (
    "SELECT image_id, name, value FROM label CROSS JOIN label_value ON label_id = label.id "
    "WHERE image_id IN (?) ORDER BY label.id"
)
PREDICTED_OF_IDS = LABELS_OF_IDS.replace("(?)", "(?) AND predicted = 1")
# Values of label ?1. A predicted value replaces only a predicted one.
ADD_GIVEN = "REPLACE INTO label_value (label_id, image_id, value, predicted) VALUES {}"
ADD_PREDICTED = (
    "INSERT INTO label_value (label_id, image_id, value, predicted) VALUES {} "
    "ON CONFLICT DO UPDATE SET value = excluded.value WHERE predicted = 1"
)
ADD_FACT = "REPLACE INTO fact (fact, image_id, value) VALUES (?, ?, ?)"
FACT_NUMBERS = ", ".join(str(number) for number in range(1, len(FACT_NAMES) + 1))
FACTS_OF_IDS = (
    f"SELECT image_id, fact, value FROM fact WHERE fact IN ({FACT_NUMBERS}) AND image_id IN (?) ORDER BY fact"
)
REMOVE_IMAGE = (
    "DELETE FROM label_value WHERE label_id IN (SELECT id FROM label) AND image_id = ?",
    "DELETE FROM fingerprint WHERE image_id = ?",
    "REPLACE INTO removed_face (id) SELECT id FROM face WHERE image_id = ?",
    "DELETE FROM face WHERE image_id = ?",
    "DELETE FROM face_search WHERE image_id = ?",
    f"DELETE FROM fact WHERE fact IN ({FACT_NUMBERS}) AND image_id = ?",
    "DELETE FROM facts_unread WHERE image_id = ?",
    "DELETE FROM image WHERE id = ?",
    "REPLACE INTO removed (id) VALUES (?)",
)


def connect(path: Path, options: str) -> Connection:
    """Open a catalogue's file with URI options such as "mode=ro".

    SQLAlchemy decides when transactions begin. Raises DamagedIndex if the file cannot be opened. Opening, like any
    later use of the connection, may also raise the errors of `raise_translated`.
    """

    def open_file() -> sqlite3.Connection:
        uri = f"file:{quote(os.fsencode(path))}?{options}"
        # isolation_level=None leaves transactions to SQLAlchemy, including those with schema changes. Only one thread
        # at a time uses a connection, but not always the same one.
        connection = sqlite3.connect(
            uri, uri=True, timeout=SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False
        )
        if "mode=rwc" in options:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine("sqlite://", creator=open_file, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    event.listen(engine, "handle_error", lambda context: raise_translated(context.original_exception))
    try:
        return engine.connect()
    except (DatabaseError, sqlite3.DatabaseError) as error:
        original = getattr(error, "orig", error)
        raise _translated(original) or DamagedIndex(f"{path} cannot be opened: {original}") from error


def raise_translated(error: BaseException | None) -> None:
    """Raise our own error for SQLite errors that concern the file or its disk; return for all others.

    Raises DamagedIndex, InputError, LockedIndex, or OSError for a disk that is full or fails.
    """
    translated = _translated(error)
    if translated is not None:
        raise translated


@contextmanager
def values_checked() -> Iterator[None]:
    """Raise DamagedIndex where stored values turn out to have another type or length than their columns'."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise DamagedIndex(f"the catalogue is damaged ({error}): make the index anew") from error


def _translated(original: Any) -> Exception | None:
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF
    is_damage = isinstance(original, UnicodeDecodeError) or str(original).startswith(DAMAGE)
    # The code looks up what exists before it adds anything, so only a damaged key can contradict a constraint.
    if is_damage or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT):
        return DamagedIndex(f"the catalogue is damaged ({original}): make the index anew")
    if code == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if code == sqlite3.SQLITE_CANTOPEN:
        return DamagedIndex(
            f"the catalogue cannot be opened ({original}): where its folder is read-only and its last writer was "
            "killed, copy the index to where it can be written to"
        )
    if code == sqlite3.SQLITE_READONLY:
        return InputError(f"the catalogue cannot be written to ({original})")
    if code == sqlite3.SQLITE_BUSY:
        return LockedIndex(f"the catalogue is in use ({original}): try again")
    if code == sqlite3.SQLITE_IOERR:
        return OSError(errno.EIO, f"the catalogue cannot be read or written: {original}")
    return None


class FastSql:
    """The statements that bypass SQLAlchemy Core, inside its open transaction.

    Each says what Core would cost, measured with 20,000 images on two cores (docs/decisions.md). Paths are bytes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def images(self, ids: Sequence[int]) -> list[Any]:
        """Return all columns of the images with these ids. Core: 0.14 instead of 0.04 ms for 20, in every search."""
        return self._of_values(f"SELECT {IMAGE_COLUMNS} FROM image WHERE id IN (?)", _possible(ids))

    def images_at(self, paths: Sequence[bytes]) -> list[Any]:
        """Return all columns of the images at these paths. Core: 11 % of a run over 20,000 unchanged files."""
        return self._of_values(f"SELECT {IMAGE_COLUMNS} FROM image WHERE path IN (?)", paths)

    def labels(self, ids: Sequence[int]) -> list[Any]:
        """Return image id, name and value of images' labels, by label. Core: 0.99 instead of 0.61 ms for 20 images."""
        return self._of_values(LABELS_OF_IDS, _possible(ids))

    def predicted_labels(self, ids: Sequence[int]) -> list[Any]:
        """Return image id, name and value of images' predicted labels, by label. Core: as for `labels`."""
        return self._of_values(PREDICTED_OF_IDS, _possible(ids))

    def facts(self, ids: Sequence[int]) -> list[Any]:
        """Return image id, number and value of images' facts, by number. Core: as for `labels`."""
        return self._of_values(FACTS_OF_IDS, _possible(ids))

    def images_under(self, path: bytes) -> Iterator[Any]:
        """Yield id and path of images at and below a path. Core: 0.13 instead of 0.02 ms, and a watch asks thousands.

        Reads in pages, so that images may be removed meanwhile.
        """
        return self._under("id, path", "image", path)

    def failures_under(self, path: bytes) -> Iterator[Any]:
        """Yield the paths of failures at and below a path, as `images_under` does."""
        return self._under("path", "failure", path)

    def add_images(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add images, all columns each. Core: 114 instead of 63 ms for 20,000, 8 % of an import."""
        self._execute(ADD_IMAGE, rows, many=True)

    def add_fingerprints(self, rows: Sequence[Sequence[Any]]) -> None:
        """Store image id, three views and the id again, unless the image is gone. Core: 0.2 s more, 3 % of a run."""
        self._execute(ADD_FINGERPRINT, rows, many=True)

    def add_labels(self, label_id: int, ids: Sequence[int], values: Sequence[Any], predicted: bool) -> None:
        """Store one label's values. Core: 1.8 instead of 0.4 s for 40 labels of 20,000 images."""
        cells: list[Any] = [None] * (2 * len(ids))
        cells[0::2], cells[1::2] = ids, values
        statement = ADD_PREDICTED if predicted else ADD_GIVEN
        self._execute(statement.format(_label_marks(len(ids), predicted)), [label_id, *cells])

    def add_facts(self, rows: Sequence[Sequence[Any]]) -> None:
        """Store facts: number, image id and value. Core: as for `add_images`."""
        self._execute(ADD_FACT, rows, many=True)

    def remove_images(self, ids: Sequence[int]) -> None:
        """Remove images and all that is known of them. Core: 25 to 50 ms more for 5,000, 10 % of `remove`."""
        rows = [(image_id,) for image_id in ids]
        for statement in REMOVE_IMAGE:
            self._execute(statement, rows, many=True)

    def _under(self, columns: str, table: str, path: bytes) -> Iterator[Any]:
        """Yield columns, the path last, of the rows at and below a path, in pages."""
        select_them = f"SELECT {columns} FROM {table} WHERE"
        yield from self._rows(f"{select_them} path = ?", (path,))
        first, behind = bounds_of(path)
        least = ">="
        while True:
            some = self._rows(
                f"{select_them} path {least} ? AND path < ? ORDER BY path LIMIT {VALUES_AT_ONCE}", (first, behind)
            )
            yield from some
            if len(some) < VALUES_AT_ONCE:
                return
            first, least = some[-1][-1], ">"

    def _of_values(self, statement: str, values: Sequence[int | bytes]) -> list[Any]:
        """Run a statement for batches of values, which replace its (?), and return all rows."""
        found: list[Any] = []
        for start in range(0, len(values), VALUES_AT_ONCE):
            some = values[start : start + VALUES_AT_ONCE]
            marks = f"({','.join('?' * len(some))})"
            found += self._rows(statement.replace("(?)", marks), some)
        return found

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Run a SELECT and return all rows; SQLite meets damage when it reads them, not when it begins."""
        with self._translating_errors():
            return self._sqlite.execute(statement, values).fetchall()

    def _execute(self, statement: str, values: Sequence[Any], many: bool = False) -> None:
        """Execute a statement with one or many rows of values."""
        with self._translating_errors():
            (self._sqlite.executemany if many else self._sqlite.execute)(statement, values)

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """Work inside the open transaction, and raise our own errors for SQLite's."""
        if not self._connection.in_transaction():
            self._connection.begin()
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise_translated(error)
            raise

    @cached_property
    def _sqlite(self) -> sqlite3.Connection:
        connection = self._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection


class Statements:
    """Base class of a catalogue's parts: runs statements of SQLAlchemy Core; `_fast` has those that bypass it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._fast = FastSql(connection)

    def rows(self, query: Select[Any]) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT."""
        return self._connection.execute(query).all()

    def ids(self, query: Select[tuple[int]]) -> NDArray[np.int64]:
        """Return the ids from a one-column SELECT, int64 (n,), ascending."""
        # Fetching all ids as one string takes half the time of fetching a row for each.
        found = self._connection.execute(select(func.group_concat(query.subquery().columns[0]))).scalar()
        return np.sort(np.fromstring(found, np.int64, sep=",")) if found else np.empty(0, np.int64)

    def _scalar(self, query: Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())


def _possible(ids: Sequence[int]) -> list[int]:
    """Return the ids that SQLite can hold."""
    return [number for number in map(int, ids) if can_be_kept(number)]


@cache
def _label_marks(count: int, predicted: bool) -> str:
    """Return placeholders for `count` rows of label ?1, each with an image id and a value."""
    return ", ".join(f"(?1, ?{number}, ?{number + 1}, {int(predicted)})" for number in range(2, 2 * count + 2, 2))
