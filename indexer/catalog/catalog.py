"""The catalogue: an index's images, labels and failures, and which encoder it has, in SQLite.

A catalogue works inside one transaction at a time. A reader sees the state of its first look until `refresh`; a
writer's changes are seen by others after `commit`, and are gone if it dies before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError

from indexer.catalog.connection import Statements, connect
from indexer.catalog.images import Images
from indexer.catalog.labels import Labels
from indexer.catalog.metadata import IndexMetadata
from indexer.catalog.schema import META, migrate, schema_version
from indexer.paths import printable

if TYPE_CHECKING:
    from indexer.catalog.copies import Copies
    from indexer.catalog.failures import Failures


class Catalog(Statements):
    """One open catalogue, by its parts: images, labels, failures and copies.

    Raises DamagedIndex, on any use, when SQLite finds its file damaged.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        super().__init__(connection)
        self.path = path
        self.images = Images(connection)
        self.labels = Labels(connection)

    @cached_property
    def failures(self) -> Failures:
        """The files that cannot be used."""
        from indexer.catalog.failures import Failures

        return Failures(self._connection)

    @cached_property
    def copies(self) -> Copies:
        """Contents that several images have, and fingerprints."""
        from indexer.catalog.copies import Copies

        return Copies(self._connection)

    @classmethod
    def read(cls, path: Path) -> Catalog:
        """Open for reading; never waits for a writer."""
        # A folder that may not be written to has no place for the files that readers and a writer share.
        alone = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
        return cls(connect(path, "mode=ro&immutable=1" if alone else "mode=ro"), path)

    @classmethod
    def write(cls, path: Path, facts_of_new: IndexMetadata | None = None) -> Catalog:
        """Open for writing, made where facts are given and there is none, and brought to the newest schema; commits.

        Raises IndexStateError when a newer version made it. The caller holds the writer's lock.
        """
        catalog = cls(connect(path, "mode=rwc"), path)
        try:
            migrate(catalog._connection, printable(path.parent))
            if facts_of_new is not None and catalog.facts() is None:
                catalog.set_facts(facts_of_new)
            catalog.labels.first_new = catalog.images.next_id()
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
        self.images.have_changed = self.labels.relabelled = False

    def commit(self) -> None:
        """Make all changes since the last commit lasting and seen, at once."""
        self._connection.commit()
        self.images.have_changed = self.labels.relabelled = False

    def version(self) -> int:
        """The version of the schema; 0 for a file that a first run was killed before filling."""
        return schema_version(self._connection)

    def facts(self) -> IndexMetadata | None:
        """What the index knows of itself; None before the first run has written it."""
        stored = {key: json.loads(value) for key, value in self._connection.execute(select(META.c.key, META.c.value))}
        return IndexMetadata.from_json(stored)

    def set_facts(self, facts: IndexMetadata) -> None:
        """Write what the index knows of itself."""
        rows = [(key, json.dumps(value)) for key, value in facts.to_json().items()]
        self._connection.exec_driver_sql("REPLACE INTO meta VALUES (?, ?)", rows)

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the file: sentences, none when it is sound."""
        try:
            found = self._connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        except DatabaseError as error:
            return [str(error.orig)]
        return [] if list(found) == ["ok"] else [str(line) for line in found]
