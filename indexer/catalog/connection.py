"""Connects to a catalogue's file, runs statements, and translates SQLite's errors into our own."""

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
# SQLite accepts at most 32,766 values in one statement.
VALUES_AT_ONCE = 10_000


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


class Statements:
    """Base class of a catalogue's parts, with helpers for running statements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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

    def _under(self, columns: str, table: str, path: str) -> Iterator[Any]:
        """Yield columns (the path last) of the rows at and below a path, in pages, so that rows may change meanwhile.

        Uses plain SQL, because callers may look up a thousand paths one by one.
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
        """Run a statement for batches of values, which replace its (?), and return all rows."""
        found: list[Any] = []
        for start in range(0, len(values), VALUES_AT_ONCE):
            some = values[start : start + VALUES_AT_ONCE]
            marks = f"({','.join('?' * len(some))})"
            found += self._execute_directly(statement.replace("(?)", marks), some).fetchall()
        return found

    def _execute_directly(self, statement: str, values: Sequence[Any], many: bool = False) -> sqlite3.Cursor:
        """Execute a statement with one or many rows of values inside the open transaction.

        Uses sqlite3 directly, because SQLAlchemy takes several times as long to build such a statement and its rows as
        SQLite takes to execute it.
        """
        if not self._connection.in_transaction():
            self._connection.begin()
        execute = self._sqlite.executemany if many else self._sqlite.execute
        try:
            return execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise_translated(error)
            raise

    @cached_property
    def _sqlite(self) -> sqlite3.Connection:
        connection = self._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection


def is_under(column: Column[str], path: str) -> ColumnElement[bool]:
    """Return SQL that tests whether a path is `path` or below it, as a range that can use the column's index."""
    first, behind = _below(path)
    return (column == path) | ((column >= first) & (column < behind))


def _below(path: str) -> tuple[str, str]:
    """Return the lower bound (inclusive) and upper bound (exclusive) of all paths in a folder."""
    folder = path.rstrip(os.sep)
    return folder + os.sep, folder + chr(ord(os.sep) + 1)
