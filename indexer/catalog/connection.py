"""A connection to a catalogue's file, and what SQLite says of that file and its disk, for people."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from indexer.errors import DamagedIndex, InputError, LockedIndex

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
