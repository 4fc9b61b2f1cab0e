"""Applies label files to a catalogue's images, and reads them again only if something has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.catalog.catalog import Catalog
from indexer.errors import InputError
from indexer.files.discover import find_celeba_files
from indexer.paths import printable

if TYPE_CHECKING:
    from indexer.files.label_files import LabelTable

# Labels are stored column by column; batches of this many images take two thirds of the time of small ones.
IMAGES_AT_ONCE = 2_000


class LabelCache:
    """Caches the label files of the last run for the next one."""

    def __init__(self) -> None:
        self._sources: dict[str, bytes] | None = None
        self._tables: list[LabelTable] = []

    def read(self, folders: Sequence[str | Path], files: Sequence[Path]) -> list[LabelTable]:
        """Read CelebA's label files in or beside these folders, and the given files.

        Raises InputError for a file that is missing or is not a label file.
        """
        sources = digests(folders, files)
        if sources != self._sources:
            self._tables = _load(folders, files) if sources else []
            self._sources = sources
        return self._tables


def _load(folders: Sequence[str | Path], files: Sequence[Path]) -> list[LabelTable]:
    from indexer.files.label_files import load_labels

    return load_labels(folders, files).tables


class LabelStore:
    """The labels of one run: from CelebA's files in or beside its folders, and from a file that the user names.

    Added images wait until `write`, which must be called before every commit and before any of them is removed. The
    constructor raises InputError for a file that is missing or is not a label file.
    """

    def __init__(
        self, catalog: Catalog, folders: Sequence[str | Path], file: Path | None, cache: LabelCache | None = None
    ) -> None:
        self._catalog = catalog
        self._cache = cache or LabelCache()
        self._folders = folders
        self._files = [] if file is None else [file]
        self._sources = digests(folders, self._files)
        stored = catalog.label_sources()
        self._stored = {path: digest for path, digest in self._sources.items() if stored.get(path) == digest}
        self._has_added = False
        self._waiting: list[tuple[int, str]] = []
        self._first_new = catalog.images.next_id()
        if self._stored != self._sources:
            self._tables  # noqa: B018 - report an unreadable file now

    @property
    def files(self) -> list[str]:
        """The label files, by absolute path."""
        return [os.path.abspath(path) for path in self._sources]

    def add(self, images: Sequence[tuple[int, str]]) -> None:
        """Label images, given by id and path, that are new in the catalogue or have moved."""
        if not images:
            return
        if not self._has_added:
            # These images lack labels from files that this run does not use; a later run must apply those files again.
            self._catalog.set_label_sources(self._stored)
            self._has_added = True
        if self._sources:
            self._waiting += images
        if len(self._waiting) >= IMAGES_AT_ONCE:
            self.write()

    def write(self) -> None:
        """Store the labels of waiting images."""
        images, self._waiting = self._waiting, []
        self._add(images)

    def finish(self) -> None:
        """Store the labels of waiting images, and label older images if a label file is new or has changed."""
        self.write()
        if self._stored == self._sources:
            return
        first = 0
        while first < self._first_new and (some := self._catalog.images.from_id(first, IMAGES_AT_ONCE)):
            first = some[-1].id + 1
            self._add([(record.id, record.path) for record in some if record.id < self._first_new])
        self._catalog.set_label_sources(self._catalog.label_sources() | self._sources)

    def _add(self, images: Sequence[tuple[int, str]]) -> None:
        if not images:
            return
        ids, paths = zip(*images, strict=True)
        for table in self._tables:
            rows = zip(ids, table.rows_of(paths), strict=True)
            self._catalog.labels.add_rows(table.names, [(image_id, row) for image_id, row in rows if row])

    @cached_property
    def _tables(self) -> list[LabelTable]:
        return self._cache.read(self._folders, self._files)


def digests(folders: Sequence[str | Path], files: Sequence[Path]) -> dict[str, bytes]:
    """Return the SHA-256, by path, of CelebA's files in or beside these folders and of the given files."""
    return {os.path.abspath(path): _digest(path) for path in [*find_celeba_files(folders), *files]}


def _digest(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise InputError(f"{printable(path)}: {error.strerror}") from error
