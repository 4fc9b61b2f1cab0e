"""The catalogue."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from benchmarks.experiments.faults.first_schema import FIRST_SCHEMA
from indexer.catalog import schema
from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
from indexer.errors import DamagedIndex, IndexStateError

FACTS = IndexMetadata("0" * 32, "tiny", "ab" * 32, "/bundles/tiny", {"width": 64}, "cosine", 16)
STRANGE = os.fsdecode(b"/p/caf\xe9.jpg")


def record(number: int, path: str | None = None) -> ImageRecord:
    return ImageRecord(number, path or f"/p/{number}.jpg", 10, 2**62, b"d" * 32, 178, 218, number + 100, 1.5)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.write(tmp_path / "catalog.sqlite", FACTS)
    yield opened
    opened.close()


def test_images_come_back_as_they_were_added(catalog: Catalog) -> None:
    records = [record(1), record(2, STRANGE), record(3)]
    catalog.images.add(records)
    assert list(catalog.images.all()) == records
    assert catalog.images.of_ids([3, 2, 7]) == {2: records[1], 3: records[2]}
    assert (catalog.images.id_of(STRANGE), catalog.images.id_of("/p/7.jpg"), catalog.images.count()) == (2, None, 3)
    assert [column.tolist() for column in catalog.images.positions()] == [[1, 2, 3], [101, 102, 103]]
    assert [column.tolist() for column in catalog.images.positions_from(102)] == [[2, 3], [102, 103]]


def test_a_folder_holds_what_lies_in_it_and_nothing_that_only_looks_alike(catalog: Catalog) -> None:
    paths = ["/p", "/p/a.jpg", "/p/b/c.jpg", "/p.jpg", "/p0/a.jpg", "/o/a.jpg"]
    catalog.images.add(record(number, path) for number, path in enumerate(paths, 1))
    assert {path for _, path in catalog.images.under("/p")} == {"/p", "/p/a.jpg", "/p/b/c.jpg"}
    assert len(list(catalog.images.under("/"))) == len(paths)


def test_ids_are_never_given_again(catalog: Catalog) -> None:
    catalog.images.add([record(1), record(2)])
    catalog.images.remove([2])
    assert (catalog.images.next_id(), catalog.images.removed()) == (3, [2])
    catalog.images.forget_removed()
    assert (catalog.images.next_id(), catalog.images.removed()) == (3, [])


def test_labels_keep_their_types_and_go_with_their_image(catalog: Catalog) -> None:
    catalog.images.add([record(1), record(2)])
    catalog.labels.add([(1, {"Young": 1, "age": 0.1, "name": "007"}), (2, {"Young": 0})])
    catalog.labels.add([(2, {"age": 2.0})])
    assert catalog.labels.of_ids([1, 2, 3]) == {1: {"Young": 1, "age": 0.1, "name": "007"}, 2: {"Young": 0, "age": 2.0}}
    assert catalog.labels.names() == ["Young", "age", "name"]
    catalog.images.remove([1])
    assert catalog.labels.of_ids([1, 2]) == {2: {"Young": 0, "age": 2.0}}


def test_failures(catalog: Catalog) -> None:
    catalog.failures.add([Failure("/p/b.jpg", "cut off", 3, 4), Failure(STRANGE, "empty")])
    catalog.failures.add([Failure("/p/b.jpg", "empty", 0, 5)])
    assert catalog.failures.all() == [Failure("/p/b.jpg", "empty", 0, 5), Failure(STRANGE, "empty")]
    catalog.failures.add([Failure(STRANGE, "permission denied", 1, 2, True, "Pillow 1")])
    assert catalog.failures.all()[1] == Failure(STRANGE, "permission denied", 1, 2, True, "Pillow 1")
    assert (catalog.failures.count(), catalog.failures.count_that_may_pass()) == (2, 1)
    catalog.failures.remove([STRANGE])
    assert (catalog.failures.count(), list(catalog.failures.under("/p"))) == (1, ["/p/b.jpg"])


def test_a_reader_sees_what_was_committed_and_waits_for_nobody(catalog: Catalog) -> None:
    reader = Catalog.read(catalog.path)
    catalog.images.add([record(1)])
    assert reader.images.count() == 0
    catalog.commit()
    assert reader.images.count() == 0
    reader.refresh()
    assert reader.images.count() == 1
    reader.close()


def test_what_was_not_committed_is_gone(catalog: Catalog) -> None:
    catalog.images.add([record(1)])
    catalog.refresh()
    assert (catalog.images.count(), catalog.stored_metadata()) == (0, FACTS)


def test_a_newer_schema_is_refused(tmp_path: Path, catalog: Catalog) -> None:
    catalog.close()
    with sqlite3.connect(catalog.path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.close()
    with pytest.raises(IndexStateError, match="newer latentsearch"):
        Catalog.write(catalog.path)


# The first with fingerprints of transparent pictures and of several frames; earlier ones are dropped.
VIEWS_VERSION = next(number for number, step in enumerate(schema.MIGRATIONS, 2) if "DROP TABLE fingerprint" in step)

# The first with facts of pictures, which are read from the files of images indexed before.
FACTS_VERSION = next(n for n, step in enumerate(schema.MIGRATIONS, 2) if any("TABLE fact " in one for one in step))


def make_version(path: Path, version: int) -> None:
    """A catalogue as that version made it, with something in each of its tables."""
    with sqlite3.connect(path) as connection:
        for statement in (statement for step in (FIRST_SCHEMA, *schema.MIGRATIONS)[:version] for statement in step):
            connection.execute(statement)
        facts = [(key, json.dumps(value)) for key, value in FACTS.to_json().items()]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [*facts, ("schema_version", str(version))])
        columns = "id, path, size, mtime_ns, digest, width, height, position, added"
        connection.execute(
            f"INSERT INTO image ({columns}) VALUES (7, ?, 10, 11, ?, 2, 3, 0, 1.5)", (os.fsencode(STRANGE), b"d" * 32)
        )
        connection.execute(
            "INSERT INTO failure (path, reason, size, mtime_ns) VALUES (?, 'empty', 0, 5)", (b"/p/bad.jpg",)
        )
        connection.execute("INSERT INTO label VALUES (1, 'age')")
        connection.execute("INSERT INTO label_value (label_id, image_id, value) VALUES (1, 7, 30)")
        connection.execute("INSERT INTO label_source VALUES (?, ?)", (b"/p/labels.csv", b"e" * 32))
        connection.execute("INSERT INTO removed VALUES (3)")
        if 2 <= version < VIEWS_VERSION:
            connection.execute("INSERT INTO fingerprint VALUES (7, ?)", (bytes(256),))
        elif version >= VIEWS_VERSION:
            connection.execute("INSERT INTO fingerprint VALUES (7, ?, ?, NULL)", (bytes(256), b""))
    connection.close()


def the_schema(path: Path) -> dict[str, dict[str, Any]]:
    """Every property of the tables and their indexes that SQLite knows, by table; not the wording of the SQL."""
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        found = {name: properties(connection, name, sql or "") for name, sql in tables}
    connection.close()
    return found


def properties(connection: sqlite3.Connection, table: str, sql: str) -> dict[str, Any]:
    def pragma(name: str, of: str = table) -> list[tuple[Any, ...]]:
        return connection.execute(f"PRAGMA {name}({of})").fetchall()

    return {
        "columns: name, type, not null, default, primary key, hidden": pragma("table_xinfo"),
        "columns counted, without rowid, strict": pragma("table_list"),
        "indexes: name, unique, origin, columns": [
            (row, pragma("index_xinfo", row[1])) for row in pragma("index_list")
        ],
        "foreign keys": pragma("foreign_key_list"),
        "clauses that no PRAGMA shows": [word for word in CLAUSES if word in sql.upper()],
        "triggers and views": connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name"
        ).fetchall(),
    }


CLAUSES = ("AUTOINCREMENT", "CHECK", "COLLATE", "ON CONFLICT", "GENERATED")


@pytest.mark.parametrize("version", range(1, schema.SCHEMA_VERSION))
def test_every_earlier_schema_is_brought_up_to_date(tmp_path: Path, catalog: Catalog, version: int) -> None:
    path = tmp_path / "old.sqlite"
    make_version(path, version)
    migrated = Catalog.write(path)
    assert migrated.version() == schema.SCHEMA_VERSION
    assert migrated.stored_metadata() == FACTS
    assert list(migrated.images.all()) == [ImageRecord(7, STRANGE, 10, 11, b"d" * 32, 2, 3, 0, 1.5)]
    assert (migrated.failures.all(), migrated.images.removed()) == ([Failure("/p/bad.jpg", "empty", 0, 5)], [3])
    assert (migrated.labels.of_ids([7]), migrated.label_sources()) == ({7: {"age": 30}}, {"/p/labels.csv": b"e" * 32})
    assert migrated.copies.without_fingerprint() == ([7] if version < VIEWS_VERSION else [])
    assert (migrated.images.next_id(), migrated.damage()) == (8, [])
    assert [record.id for record in migrated.facts.unread_from(0, 10)] == ([7] if version < FACTS_VERSION else [])
    migrated.close()
    # Created from the tables, not by migrations.
    assert the_schema(path) == the_schema(catalog.path)


@pytest.mark.parametrize("version", range(1, schema.SCHEMA_VERSION))
def test_a_step_that_fails_leaves_the_earlier_schema_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    path = tmp_path / "old.sqlite"
    make_version(path, version)
    before = the_schema(path)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], (*schema.MIGRATIONS[-1], "no SQL")))
        with pytest.raises(Exception, match="no SQL"):
            Catalog.write(path, FACTS)
    assert the_schema(path) == before
    Catalog.write(path, FACTS).close()
    assert Catalog.read(path).version() == schema.SCHEMA_VERSION


def test_a_new_catalogue_that_fails_after_its_tables_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"

    def fail(*_: object, **__: object) -> None:
        raise OSError("killed")

    event.listen(schema.TABLES, "after_create", fail)
    try:
        with pytest.raises(OSError, match="killed"):
            Catalog.write(path, FACTS)
    finally:
        event.remove(schema.TABLES, "after_create", fail)
    assert the_schema(path) == {}
    Catalog.write(path, FACTS).close()
    assert Catalog.read(path).version() == schema.SCHEMA_VERSION


SQL = re.compile(r"[\"'(]\s*(SELECT|INSERT|REPLACE|DELETE|UPDATE|CREATE|ALTER|DROP)\b")
PLAIN_SQL = {"sqlite.py", "schema.py"}


def test_plain_sql_stands_only_in_its_module_and_in_the_migrations() -> None:
    for path in Path(schema.__file__).parent.glob("*.py"):
        assert path.name in PLAIN_SQL or not SQL.search(path.read_text(encoding="utf-8")), path


def test_every_commit_reaches_the_disk(catalog: Catalog) -> None:
    """WAL with synchronous = FULL (2): see docs/decisions.md."""
    pragmas = [
        catalog._connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
    ]
    assert pragmas == ["wal", 2]


def test_garbage_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DamagedIndex):
        Catalog.read(path).version()
