"""Which paths change in folders, as the system tells it."""

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

# The system's changes are heard of so often, and put together while they come one upon another.
MILLISECONDS_A_LOOK, MILLISECONDS_TOGETHER = 200, 50
SECONDS_BETWEEN_LOOKS_AT_FOLDERS = 1.0
SECONDS_BEFORE_ANOTHER_WATCH = 0.1
POLL = "WATCHFILES_FORCE_POLLING=1 watches without the system's help"

Identity = tuple[int, int]


class Watcher:
    """Folders that are watched, those that come and go among them included.

    ended: the watching ends when it is set. Raises InputError for what is no folder, MissingExtra without the extra
    `watch`.
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
        """The folders that are there."""
        return [folder for folder in self.folders if _identity_of(folder)]

    def changes(self) -> Iterator[set[str]]:
        """Sets of paths that have changed, empty ones now and then; a watched folder itself for anything in it.

        What changes after the first set was given is in a later one. Raises InputError where no folder is left, or
        where the system cannot watch so many.
        """
        self._watched = self._identities()
        missed: set[str] = set()
        while not self._ended.is_set():
            # watchfiles cannot say a name that is not UTF-8, and forgets what it has heard.
            with suppress(RuntimeError):
                for heard in self._heard():
                    yield missed | heard
                    missed = set()
                self._look_again()
            # Until all are watched again, nothing is heard of any.
            missed = set(self._watched)
            self._ended.wait(SECONDS_BEFORE_ANOTHER_WATCH)

    def _look_again(self) -> None:
        """Take note of the folders that are there now, and log which are not any more."""
        before, self._watched = self._watched, self._identities()
        for folder in before:
            if folder not in self._watched:
                logger.warning(
                    "%s is gone: its pictures stay in the index, and it is watched when it is back", printable(folder)
                )
        if not self._watched:
            raise InputError("none of the watched folders is there any more: nothing is left to watch")

    def _heard(self) -> Iterator[set[str]]:
        """What is heard of the folders until one of them comes or goes."""
        from watchfiles import Change, watch

        looked = time.monotonic()
        with _refusal_told():
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
    """Whether a path's content may have changed; a folder's has not where its entry is only modified."""
    from watchfiles import Change

    return change != Change.modified or not os.path.isdir(path)


def _identity_of(folder: str) -> Identity | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if os.path.isdir(folder) else None


@contextmanager
def _refusal_told() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:  # a folder went before it was watched, and is found missing at the next look
        return
    except (OSError, UnicodeEncodeError) as error:
        raise InputError(
            f"the folders cannot be watched ({error}): raise fs.inotify.max_user_watches if that is it; {POLL}"
        ) from error
