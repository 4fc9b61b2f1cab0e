"""Keeps an index up to date: an ordinary run first, then a run over the changed paths after each change.

The index is opened and locked only while it is written, so that other processes can write in between and readers see
each batch.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from indexer.catalog.catalog import Catalog
from indexer.encoders.encoder import Encoder
from indexer.errors import InputError, LockedIndex
from indexer.files.discover import FolderNames, is_picture
from indexer.files.first_bytes import begins_as_picture
from indexer.files.ignore import IGNORE_FILE, Rules, UnusableRules
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.paths import CATALOGUE, is_under
from indexer.pipeline.labels import LabelCache
from indexer.pipeline.run import IndexOptions, index_scope
from indexer.pipeline.scope import Scope
from indexer.pipeline.summary import Summary
from indexer.progress import Report, StepReport
from indexer.system.interrupts import interruptible
from indexer.watch.debounce import Debouncer
from indexer.watch.watcher import Watcher

logger = logging.getLogger(__name__)

# Seconds between attempts to lock the index while another process writes to it.
SECONDS_BETWEEN_TRIES = 0.2
# Seconds before a failed batch is retried. A full disk or an unreadable label file does not end the watch.
SECONDS_BEFORE_ANOTHER_BATCH = 5.0


class LiveIndex:
    """Keeps an index up to date with folders until Ctrl-C.

    show: called with the summary of the first run and of each batch. report, report_base: for the first run; see
    `index_folders`.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        folders: Sequence[str | Path],
        options: IndexOptions,
        show: Callable[[Summary], None],
        report: Report | None = None,
        report_base: StepReport | None = None,
        rules: Rules = Rules(),  # noqa: B008 - immutable
    ) -> None:
        self._folder, self._encoder, self._folders, self._rules = folder, encoder, folders, rules
        self._options = options._replace(label_cache=options.label_cache or LabelCache())
        self._show, self._reports = show, (report, report_base)
        self._names, self._pending = FolderNames(), Debouncer()
        self._said = ""
        self._not_before = 0.0

    def run(self) -> None:
        """Watch until Ctrl-C, then raise KeyboardInterrupt; InputError if no folder is left. See `index_folders`."""
        with interruptible() as interrupted:
            watcher = Watcher(self._folders, interrupted)
            is_first = True
            for changed in watcher.changes():
                if is_first:  # the watch has begun, so no change after this run's walk is missed
                    first = Scope(self._folders, None, self._names, self._rules)
                    self._show(self._write(first, interrupted, *self._reports))
                    self._options = self._options._replace(retry_failed=False, rehash=False)
                    logger.info("watching; Ctrl-C ends it")
                    is_first = False
                self._hear(changed, watcher)
                self._take_in(watcher, interrupted)
        raise KeyboardInterrupt

    def _hear(self, changed: set[str], watcher: Watcher) -> None:
        if any(path in watcher.folders or os.path.basename(path) == IGNORE_FILE for path in changed):
            self._pending.add_all(time.monotonic())
        else:
            self._pending.add(changed, time.monotonic())

    def _take_in(self, watcher: Watcher, interrupted: threading.Event) -> None:
        """Process a batch if some changed paths have become quiet."""
        if time.monotonic() < self._not_before:
            return
        changed = self._pending.take(time.monotonic())
        there = watcher.there()
        if changed is None or (changed and not Index.exists(self._folder)):
            scope = Scope(there, None, self._names, self._rules)
        else:
            scope = Scope(there, self._relevant(changed or [], there), self._names, self._rules)
        if scope.changed == [] or not there:
            return
        try:
            self._show(self._write(scope, interrupted))
            self._said = ""
        except InputError as error:
            self._put_off(error, scope)

    def _put_off(self, error: InputError, scope: Scope) -> None:
        if str(error) != self._said:
            self._said = str(error)
            logger.warning("%s (tried again until it succeeds)", error)
        self._not_before = time.monotonic() + SECONDS_BEFORE_ANOTHER_BATCH
        if scope.changed is None:
            self._pending.add_all(time.monotonic())
        else:
            self._pending.add(scope.changed, time.monotonic())

    def _relevant(self, changed: Sequence[str], folders: Sequence[str]) -> list[str]:
        """Return the changed paths that a run over the folders would look at, under the names it would use."""
        named = list(dict.fromkeys(self._named(path) for path in changed if self._is_visible(path, folders)))
        if not named:
            return []
        catalog = Catalog.read(self._folder / CATALOGUE)
        try:
            return [path for path in named if _is_of_use(path, catalog)]
        finally:
            catalog.close()

    def _is_visible(self, path: str, folders: Sequence[str]) -> bool:
        """Return whether a path lies in one of the folders, with nothing on the way to it hidden or excluded."""
        around = [
            folder
            for folder in folders
            if is_under(path, folder)
            and not any(part.startswith(".") for part in os.path.relpath(path, folder).split(os.sep))
        ]
        try:
            return any(self._rules.takes_in(path, folder) for folder in around)
        except UnusableRules:  # the run will report it
            return True

    def _named(self, path: str) -> str:
        folder, name = os.path.split(path)
        try:
            return os.path.join(self._names.name_of(folder, os.stat(folder)), name)
        except OSError:
            return path

    def _write(
        self,
        scope: Scope,
        interrupted: threading.Event,
        report: Report | None = None,
        report_base: StepReport | None = None,
    ) -> Summary:
        with self._opened(interrupted) as index:
            return index_scope(index, self._encoder, scope, self._options, report, report_base)

    def _opened(self, interrupted: threading.Event) -> IndexWriter:
        """Open and lock the index, waiting while another process writes."""
        has_said = False
        while True:
            try:
                return IndexWriter.create(self._folder, self._encoder)
            except LockedIndex as error:
                if not has_said:
                    logger.warning("%s (waiting)", error)
                    has_said = True
            if interrupted.wait(SECONDS_BETWEEN_TRIES):
                raise KeyboardInterrupt


def _is_of_use(path: str, catalog: Catalog) -> bool:
    """Return whether a path is a picture or a folder, or the catalogue has files at or below it."""
    if os.path.lexists(path) and _may_be_picture(path):
        return True
    return next(_known(path, catalog), None) is not None


def _may_be_picture(path: str) -> bool:
    try:
        return is_picture(path) or os.path.isdir(path) or (os.path.isfile(path) and begins_as_picture(path))
    except OSError:  # gone, or unreadable at the moment
        return False


def _known(path: str, catalog: Catalog) -> Iterator[object]:
    yield from catalog.images.under(path)
    yield from catalog.failures.under(path)
