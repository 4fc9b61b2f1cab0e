"""The catalogue: an SQLite database of an index's images, labels and failures, and of the encoder that it uses.

A catalogue works inside one transaction at a time. A reader keeps the state of its first query until `refresh`. A
writer's changes become visible to readers with `commit`, and are lost if the writer dies first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DatabaseError

from indexer.catalog.images import Images
from indexer.catalog.labels import Labels
from indexer.catalog.metadata import IndexMetadata
from indexer.catalog.schema import META, migrate, schema_version
from indexer.catalog.sqlite import Statements, connect
from indexer.paths import printable

if TYPE_CHECKING:
    from indexer.catalog.copies import Copies
    from indexer.catalog.failures import Failures


class Catalog(Statements):
    """An open catalogue, divided into images, labels, failures and copies.

    Every method raises DamagedIndex if SQLite finds the file damaged.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        super().__init__(connection)
        self.path = path
        self.images = Images(connection)
        self.labels = Labels(connection)

    @cached_property
    def failures(self) -> Failures:
        """Files that could not be indexed."""
        from indexer.catalog.failures import Failures

        return Failures(self._connection)

    @cached_property
    def copies(self) -> Copies:
        """Images with identical content, and fingerprints."""
        from indexer.catalog.copies import Copies

        return Copies(self._connection)

    @classmethod
    def read(cls, path: Path) -> Catalog:
        """Open for reading, without waiting for a writer."""
        # In a read-only folder, SQLite cannot create the -shm and -wal files that readers and a writer share.
        alone = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
        return cls(connect(path, "mode=ro&immutable=1" if alone else "mode=ro"), path)

    @classmethod
    def write(cls, path: Path, metadata_of_new: IndexMetadata | None = None) -> Catalog:
        """Open for writing, migrate to the newest schema, and commit.

        metadata_of_new: stored if the catalogue is new. Raises IndexStateError if a newer version made the catalogue.
        The caller must hold the writer lock.
        """
        catalog = cls(connect(path, "mode=rwc"), path)
        try:
            migrate(catalog._connection, printable(path.parent))
            if metadata_of_new is not None and catalog.stored_metadata() is None:
                catalog.store_metadata(metadata_of_new)
            catalog.labels.first_new = catalog.images.next_id()
            catalog.commit()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @contextmanager
    def beside(self) -> Iterator[Catalog]:
        """Yield a second, read-only connection to the same file, with its own transactions."""
        reader = Catalog.read(self.path)
        try:
            yield reader
        finally:
            reader.close()

    def close(self) -> None:
        """Discard uncommitted changes and close the file."""
        self._connection.close()

    def refresh(self) -> None:
        """Discard uncommitted changes; the next query sees what other processes have committed."""
        self._connection.rollback()
        self.images.have_changed = self.labels.relabelled = False

    def commit(self) -> None:
        """Commit all changes, making them durable and visible at once."""
        self._connection.commit()
        self.images.have_changed = self.labels.relabelled = False

    def version(self) -> int:
        """Return the schema version; 0 if the first run was killed before it created the tables."""
        return schema_version(self._connection)

    def stored_metadata(self) -> IndexMetadata | None:
        """Return the index's metadata; None if the first run has not written it yet."""
        stored = {key: json.loads(value) for key, value in self._connection.execute(select(META.c.key, META.c.value))}
        return IndexMetadata.from_json(stored)

    def store_metadata(self, metadata: IndexMetadata) -> None:
        """Write the index's metadata."""
        rows = [{"key": key, "value": json.dumps(value)} for key, value in metadata.to_json().items()]
        self._connection.execute(insert(META).prefix_with("OR REPLACE"), rows)

    def damage(self) -> list[str]:
        """Return the problems that SQLite's quick_check finds, one sentence each; [] if the file is sound."""
        try:
            found = self._connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        except DatabaseError as error:
            return [str(error.orig)]
        return [] if list(found) == ["ok"] else [str(line) for line in found]
