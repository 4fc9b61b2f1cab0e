"""The catalogue's tables, and the numbered migrations that update them from any earlier version.

The tables are the only declaration: a new catalogue is created from them. A migration that changes a table is therefore
accompanied by the same change of the table; a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    REAL,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    column,
    insert,
    inspect,
    select,
    table,
    text,
)
from sqlalchemy.types import UserDefinedType

from indexer.errors import DamagedIndex, IndexStateError


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


class NumberOrText(UserDefinedType[int | float | str]):
    """A value of any type, in a column without a type, so that SQLite converts nothing."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the column's SQL type: none."""
        return ""


def is_under(column: Column[str], path: str) -> ColumnElement[bool]:
    """Return SQL that tests whether a path is `path` or below it, as a range that can use the column's index."""
    first, behind = map(os.fsdecode, bounds_of(os.fsencode(path)))
    return (column == path) | ((column >= first) & (column < behind))


def bounds_of(path: bytes) -> tuple[bytes, bytes]:
    """Return the lower bound (inclusive) and upper bound (exclusive) of all paths in a folder."""
    separator = os.fsencode(os.sep)
    folder = path.rstrip(separator)
    return folder + separator, folder + bytes([separator[0] + 1])


ZERO = text("0")
TABLES = MetaData()


def _id(name: str = "id") -> Column[int]:
    """Declare SQLite's row id. It is never NULL, but NOT NULL is left out, as in the first schema."""
    return Column(name, Integer, primary_key=True, nullable=True)


# Metadata of the index, as JSON.
META = Table(
    "meta",
    TABLES,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# size is in bytes; mtime_ns is from os.stat; digest is the SHA-256 of the content; width and height are in pixels, as
# displayed; position is the row in codes.f32; added is in seconds since 1970; incomplete is 1 if part of the file is
# missing, else 0. AUTOINCREMENT: ids are never used again.
IMAGE = Table(
    "image",
    TABLES,
    _id(),
    Column("path", FilePath, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("position", Integer, nullable=False, unique=True),
    Column("added", REAL, nullable=False),
    Column("incomplete", Integer, nullable=False, server_default=ZERO),
    Index("image_content", "size", "digest"),
    sqlite_autoincrement=True,
)
# SQLite's own table of the greatest AUTOINCREMENT id of each table.
SEQUENCE = table("sqlite_sequence", column("name", Text), column("seq", Integer))

# Files that could not be indexed, with their size and modification time when they were tried. may_pass is 1 if the
# cause lies outside the file, so that every run tries it again; decoder is the version of the decoders that tried it,
# NULL if unknown.
FAILURE = Table(
    "failure",
    TABLES,
    Column("path", FilePath, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("size", Integer),
    Column("mtime_ns", Integer),
    Column("may_pass", Integer, nullable=False, server_default=ZERO),
    Column("decoder", Text),
    sqlite_with_rowid=False,
)

LABEL = Table("label", TABLES, _id(), Column("name", Text, nullable=False, unique=True))

# Clustered by label, so that a filter reads one range, and reading one image's labels takes one seek per label.
# predicted is 1 for values from an attribute encoder, 0 for given ones.
LABEL_VALUE = Table(
    "label_value",
    TABLES,
    Column("label_id", Integer, primary_key=True),
    Column("image_id", Integer, primary_key=True),
    Column("value", NumberOrText, nullable=False),
    Column("predicted", Integer, nullable=False, server_default=ZERO),
    sqlite_with_rowid=False,
)

# Label files whose values have all been stored, with the SHA-256 of their content.
LABEL_SOURCE = Table(
    "label_source",
    TABLES,
    Column("path", FilePath, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Ids removed from `image` that the FAISS index may still contain.
REMOVED = Table("removed", TABLES, _id())

# Fingerprints from indexer.decoding.fingerprint. Images indexed by versions without fingerprints get theirs when it is
# first needed.
FINGERPRINT = Table(
    "fingerprint",
    TABLES,
    _id("image_id"),
    Column("white", LargeBinary, nullable=False),
    Column("black", LargeBinary, nullable=False),
    Column("frames", LargeBinary),
)

# Faces in photographs. left, top, right and bottom of the box are in pixels of the upright photograph, and so are the
# points, ten float32 numbers: x and y of the left and right eye, the nose, and the left and right corner of the mouth.
# position is the row in faces.f32. AUTOINCREMENT: ids are never used again.
FACE = Table(
    "face",
    TABLES,
    _id(),
    Column("image_id", Integer, nullable=False),
    Column("position", Integer, nullable=False, unique=True),
    Column("left", REAL, nullable=False),
    Column("top", REAL, nullable=False),
    Column("right", REAL, nullable=False),
    Column("bottom", REAL, nullable=False),
    Column("points", LargeBinary, nullable=False),
    Column("score", REAL, nullable=False),
    Index("face_image", "image_id"),
    sqlite_autoincrement=True,
)

# Photographs that were searched for faces, with how many were stored.
FACE_SEARCH = Table("face_search", TABLES, _id("image_id"), Column("count", Integer, nullable=False))

# Ids removed from `face` that the FAISS index of faces may still contain.
REMOVED_FACE = Table("removed_face", TABLES, _id())

# Facts that a picture's own metadata states: the numbers are those of the fields of indexer.facts.facts.Facts, from 1.
# Clustered by fact like label_value, so that a filter on a fact reads one range.
FACT = Table(
    "fact",
    TABLES,
    Column("fact", Integer, primary_key=True),
    Column("image_id", Integer, primary_key=True),
    Column("value", NumberOrText, nullable=False),
    sqlite_with_rowid=False,
)
FACT_NAMES = ("taken", "offset", "camera", "lens", "latitude", "longitude", "orientation")

# Images whose facts have not been read yet, because an earlier version indexed them.
FACTS_UNREAD = Table("facts_unread", TABLES, _id("image_id"))

# The first entry migrates version 1, the first that was published, to version 2. Entries are only ever appended.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
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
    (
        """CREATE TABLE face (
            id INTEGER PRIMARY KEY AUTOINCREMENT, image_id INTEGER NOT NULL, position INTEGER NOT NULL UNIQUE,
            "left" REAL NOT NULL, top REAL NOT NULL, "right" REAL NOT NULL, bottom REAL NOT NULL,
            points BLOB NOT NULL, score REAL NOT NULL)""",
        "CREATE INDEX face_image ON face (image_id)",
        "CREATE TABLE face_search (image_id INTEGER PRIMARY KEY, count INTEGER NOT NULL)",
        "CREATE TABLE removed_face (id INTEGER PRIMARY KEY)",
    ),
    (
        """CREATE TABLE fact (
            fact INTEGER NOT NULL, image_id INTEGER NOT NULL, value NOT NULL, PRIMARY KEY (fact, image_id)
        ) WITHOUT ROWID""",
        "CREATE TABLE facts_unread (image_id INTEGER PRIMARY KEY)",
        "INSERT INTO facts_unread SELECT id FROM image",
    ),
)
SCHEMA_VERSION = 1 + len(MIGRATIONS)
_VERSION_KEY = "schema_version"


def schema_version(connection: Connection) -> int:
    """Return a catalogue's schema version, 0 for an empty file. Raises DamagedIndex if it is not a number."""
    if not inspect(connection).has_table("meta"):
        return 0
    version = connection.execute(select(META.c.value).where(META.c.key == _VERSION_KEY)).scalar()
    try:
        return int(version or 0)
    except ValueError:
        raise DamagedIndex(f"the catalogue is damaged (schema version {version!r}): make the index anew") from None


def migrate(connection: Connection, location: str) -> None:
    """Create the tables in an empty file, or migrate them to SCHEMA_VERSION, within the open transaction.

    Raises IndexStateError for a newer schema.
    """
    version = schema_version(connection)
    if version > SCHEMA_VERSION:
        raise IndexStateError(
            f"the index at {location} was made by a newer latentsearch (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): upgrade latentsearch"
        )
    if version == 0:
        TABLES.create_all(connection, checkfirst=False)
    else:
        for statement in (statement for step in MIGRATIONS[version - 1 :] for statement in step):
            connection.exec_driver_sql(statement)
    if version < SCHEMA_VERSION:
        stored = {"key": _VERSION_KEY, "value": str(SCHEMA_VERSION)}
        connection.execute(insert(META).prefix_with("OR REPLACE"), stored)
