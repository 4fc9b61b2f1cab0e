"""The schema of version 1 of the catalogue, the first that was published, for making old catalogues.

The product no longer needs it: new catalogues are created from the tables of `indexer/catalog/schema.py`.
"""

from __future__ import annotations

FIRST_SCHEMA = (
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
)
