"""A connection to a catalogue's file, statements on it, and what SQLite says of file and disk, for people."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, ColumnElement, Connection, Select, create_engine, event, func, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from indexer.errors import DamagedIndex, InputError, LockedIndex
from indexer.numbers import can_be_kept

SECONDS_TO_WAIT = 30


def connect(path: Path, options: str) -> Connection:
    """Open a catalogue's file; options: of its URI, as SQLite has them, such as "mode=ro".

    Transactions begin when SQLAlchemy says so. Raises DamagedIndex where it cannot be opened, and on every later use
    what `raise_told` raises.
    """

    def open_file() -> sqlite3.Connection:
        uri = f"file:{quote(os.fsencode(path))}?{options}"
        # isolation_level None: transactions begin when SQLAlchemy says so, for changes of the schema too.
        # One thread at a time uses a connection, but not always the same.
        connection = sqlite3.connect(
            uri, uri=True, timeout=SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False
        )
        if "mode=rwc" in options:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine("sqlite://", creator=open_file, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    event.listen(engine, "handle_error", lambda context: raise_told(context.original_exception))
    try:
        return engine.connect()
    except (DatabaseError, sqlite3.DatabaseError) as error:
        original = getattr(error, "orig", error)
        raise _translated(original) or DamagedIndex(f"{path} cannot be opened: {original}") from error


def raise_told(error: BaseException | None) -> None:
    """Turn what SQLite says of the file and its disk into a sentence; of anything else nothing is raised.

    Raises DamagedIndex, InputError, LockedIndex, or OSError for a full disk or one that fails.
    """
    told = _translated(error)
    if told is not None:
        raise told


def _translated(original: Any) -> Exception | None:
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
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


# SQLite takes at most 32,766 values in one statement.
VALUES_AT_ONCE = 10_000


class Statements:
    """What all parts of a catalogue ask by."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, query: Select[Any]) -> Sequence[Sequence[Any]]:
        """What a SELECT gives."""
        return self._connection.execute(query).all()

    def ids(self, query: Select[tuple[int]]) -> NDArray[np.int64]:
        """The ids that a SELECT of one column gives, int64 (n,), ascending."""
        # As one text: it takes half the time of a row each.
        found = self._connection.execute(select(func.group_concat(query.subquery().columns[0]))).scalar()
        return np.sort(np.fromstring(found, np.int64, sep=",")) if found else np.empty(0, np.int64)

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
        return self._of(statement, [number for number in map(int, ids) if can_be_kept(number)])

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


def is_under(column: Column[str], path: str) -> ColumnElement[bool]:
    """SQL for whether a path is this one or lies in that folder; by a range, which the column's index finds."""
    first, behind = _below(path)
    return (column == path) | ((column >= first) & (column < behind))


def _below(path: str) -> tuple[str, str]:
    """What the paths of all that lies in a folder are not below, and what they are all below."""
    folder = path.rstrip(os.sep)
    return folder + os.sep, folder + chr(ord(os.sep) + 1)
