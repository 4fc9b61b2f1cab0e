"""Reports changed paths in folders, using the operating system's notifications."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from indexer.errors import InputError
from indexer.paths import printable
from indexer.system.extras import require_extra

logger = logging.getLogger(__name__)

# The longest time for grouping changes, which is also the interval between checks, and the pause that ends a group.
MILLISECONDS_A_LOOK, MILLISECONDS_TOGETHER = 200, 50
SECONDS_BETWEEN_LOOKS_AT_FOLDERS = 1.0
SECONDS_BEFORE_ANOTHER_WATCH = 0.1
POLL = "WATCHFILES_FORCE_POLLING=1 watches without the system's help"

Identity = tuple[int, int]


class Watcher:
    """Watches folders, including ones that disappear and return.

    ended: set this event to end the watch. Raises InputError for a path that is not a folder, MissingExtra without the
    extra `watch`.
    """

    def __init__(self, folders: Sequence[str | Path], ended: threading.Event) -> None:
        require_extra("watch", "watchfiles")
        self.folders = list(dict.fromkeys(os.path.abspath(folder) for folder in folders))
        self._ended = ended
        self._watched: dict[str, Identity] = {}
        for folder in self.folders:
            if not os.path.isdir(folder):
                reason = "not a folder, and only folders are watched" if os.path.exists(folder) else "no such folder"
                raise InputError(f"{printable(folder)}: {reason}")

    def there(self) -> list[str]:
        """Return the folders that exist now."""
        return [folder for folder in self.folders if _identity_of(folder)]

    def changes(self) -> Iterator[set[str]]:
        """Yield sets of changed paths, sometimes empty. A watched folder among them may have changed anywhere.

        No change after the first set is missed. Raises InputError if no folder is left, or if the system cannot watch
        the folders, for example because there are too many.
        """
        self._watched = self._identities()
        missed: set[str] = set()
        while not self._ended.is_set():
            # watchfiles raises RuntimeError for a name that is not UTF-8, and loses the pending changes.
            with suppress(RuntimeError):
                for heard in self._heard():
                    yield missed | heard
                    missed = set()
                self._look_again()
            # Changes are missed until all folders are watched again, so report every folder.
            missed = set(self._watched)
            self._ended.wait(SECONDS_BEFORE_ANOTHER_WATCH)

    def _look_again(self) -> None:
        """Update the list of existing folders, and log the ones that have disappeared."""
        before, self._watched = self._watched, self._identities()
        for folder in before:
            if folder not in self._watched:
                logger.warning(
                    "%s is gone: its pictures stay in the index; watching resumes when it is back",
                    printable(folder),
                )
        if not self._watched:
            raise InputError("none of the watched folders exists any more: nothing is left to watch")

    def _heard(self) -> Iterator[set[str]]:
        """Yield changes until one of the folders appears or disappears."""
        from watchfiles import Change, watch

        looked = time.monotonic()
        with _errors_explained():
            for changes in watch(
                *self._watched,
                watch_filter=None,
                debounce=MILLISECONDS_A_LOOK,
                step=MILLISECONDS_TOGETHER,
                rust_timeout=MILLISECONDS_A_LOOK,
                yield_on_timeout=True,
                stop_event=self._ended,
                ignore_permission_denied=True,
            ):
                yield {path for change, path in changes if path not in self._watched and _is_news(change, path)}
                if any(change == Change.deleted and path in self._watched for change, path in changes):
                    return
                if time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS_AT_FOLDERS:
                    looked = time.monotonic()
                    if self._identities() != self._watched:
                        return

    def _identities(self) -> dict[str, Identity]:
        found = {folder: _identity_of(folder) for folder in self.folders}
        return {folder: identity for folder, identity in found.items() if identity}


def _is_news(change: int, path: str) -> bool:
    """Return whether a change may concern a path's content; a modified folder entry does not."""
    from watchfiles import Change

    return change != Change.modified or not os.path.isdir(path)


def _identity_of(folder: str) -> Identity | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if os.path.isdir(folder) else None


@contextmanager
def _errors_explained() -> Iterator[None]:
    """Turn errors of watchfiles into InputError."""
    try:
        yield
    except FileNotFoundError:  # a folder disappeared before it was watched; the next check finds it missing
        return
    except (OSError, UnicodeEncodeError) as error:
        raise InputError(
            f"the folders cannot be watched ({error}): raise fs.inotify.max_user_watches if that is the cause; {POLL}"
        ) from error
