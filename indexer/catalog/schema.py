"""The catalogue's tables, and the numbered migrations that update them from any earlier version."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, LargeBinary, MetaData, String, Table, inspect
from sqlalchemy.types import NullType, UserDefinedType

from indexer.errors import IndexStateError


class FilePath(UserDefinedType[str]):
    """A path as the file system's bytes, since file names need not be UTF-8."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the column's SQL type."""
        return "BLOB"

    def bind_processor(self, dialect: Any) -> Callable[[str | None], bytes | None]:
        """Convert str to bytes."""
        return lambda path: None if path is None else os.fsencode(path)

    def result_processor(self, dialect: Any, coltype: object) -> Callable[[bytes | None], str | None]:
        """Convert bytes to str, with surrogate escapes for bytes that are not UTF-8."""
        return lambda path: None if path is None else os.fsdecode(path)


_tables = MetaData()

# Metadata of the index, as JSON.
META = Table("meta", _tables, Column("key", String, primary_key=True), Column("value", String))

# size is in bytes; mtime_ns is from os.stat; digest is the SHA-256 of the content; width and height are in pixels, as
# displayed; position is the row in codes.f32; added is in seconds since 1970; incomplete is 1 if part of the file is
# missing, else 0.
IMAGE = Table(
    "image",
    _tables,
    Column("id", Integer, primary_key=True),
    Column("path", FilePath),
    Column("size", Integer),
    Column("mtime_ns", Integer),
    Column("digest", LargeBinary),
    Column("width", Integer),
    Column("height", Integer),
    Column("position", Integer),
    Column("added", Float),
    Column("incomplete", Integer),
)

# Files that could not be indexed, with their size and modification time when they were tried. may_pass is 1 if the
# cause lies outside the file, so that every run tries it again; decoder is the version of the decoders that tried it,
# NULL if unknown.
FAILURE = Table(
    "failure",
    _tables,
    Column("path", FilePath, primary_key=True),
    Column("reason", String),
    Column("size", Integer),
    Column("mtime_ns", Integer),
    Column("may_pass", Integer),
    Column("decoder", String),
)

LABEL = Table("label", _tables, Column("id", Integer, primary_key=True), Column("name", String))

# Clustered by label, so that a filter reads one range, and reading one image's labels takes one seek per label.
# predicted is 1 for values from an attribute encoder, 0 for given ones.
LABEL_VALUE = Table(
    "label_value",
    _tables,
    Column("label_id", Integer, primary_key=True),
    Column("image_id", Integer, primary_key=True),
    Column("value", NullType),
    Column("predicted", Integer),
)

# Label files whose values have all been stored, with the SHA-256 of their content.
LABEL_SOURCE = Table("label_source", _tables, Column("path", FilePath, primary_key=True), Column("digest", LargeBinary))

# Ids removed from `image` that the FAISS index may still contain.
REMOVED = Table("removed", _tables, Column("id", Integer, primary_key=True))

# Fingerprints from indexer.decoding.fingerprint. Images indexed by versions without fingerprints get theirs when it is
# first needed.
FINGERPRINT = Table(
    "fingerprint",
    _tables,
    Column("image_id", Integer, primary_key=True),
    Column("white", LargeBinary),
    Column("black", LargeBinary),
    Column("frames", LargeBinary),
)

# Entry n - 1 migrates version n - 1 to version n. Entries are only ever appended.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE image (
            id INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
            position INTEGER NOT NULL UNIQUE, added REAL NOT NULL)""",
        """CREATE TABLE failure (
            path BLOB PRIMARY KEY, reason TEXT NOT NULL, size INTEGER, mtime_ns INTEGER) WITHOUT ROWID""",
        "CREATE TABLE label (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        """CREATE TABLE label_value (
            label_id INTEGER NOT NULL, image_id INTEGER NOT NULL, value NOT NULL,
            PRIMARY KEY (label_id, image_id)) WITHOUT ROWID""",
        "CREATE TABLE label_source (path BLOB PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE removed (id INTEGER PRIMARY KEY)",
    ),
    ("CREATE TABLE fingerprint (image_id INTEGER PRIMARY KEY, pixels BLOB NOT NULL)",),
    ("CREATE INDEX image_content ON image (size, digest)",),
    ("ALTER TABLE label_value ADD COLUMN predicted INTEGER NOT NULL DEFAULT 0",),
    (
        "ALTER TABLE failure ADD COLUMN may_pass INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE failure ADD COLUMN decoder TEXT",
    ),
    ("ALTER TABLE image ADD COLUMN incomplete INTEGER NOT NULL DEFAULT 0",),
    (
        "DROP TABLE fingerprint",
        """CREATE TABLE fingerprint (
            image_id INTEGER PRIMARY KEY, white BLOB NOT NULL, black BLOB NOT NULL, frames BLOB)""",
    ),
)
SCHEMA_VERSION = len(MIGRATIONS)


def schema_version(connection: Connection) -> int:
    """Return a catalogue's schema version, 0 for an empty file."""
    if not inspect(connection).has_table("meta"):
        return 0
    version = connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'schema_version'").scalar()
    return int(version or 0)


def migrate(connection: Connection, location: str) -> None:
    """Migrate to SCHEMA_VERSION within the open transaction. Raises IndexStateError for a newer schema."""
    version = schema_version(connection)
    if version > SCHEMA_VERSION:
        raise IndexStateError(
            f"the index at {location} was made by a newer latentsearch (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): upgrade latentsearch"
        )
    for number in range(version, SCHEMA_VERSION):
        for statement in MIGRATIONS[number]:
            connection.exec_driver_sql(statement)
    if version < SCHEMA_VERSION:
        connection.exec_driver_sql("REPLACE INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))
