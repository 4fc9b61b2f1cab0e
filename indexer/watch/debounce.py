"""Collects changed paths until they have been quiet for a while, so that half-written files are not read."""

from __future__ import annotations

from collections.abc import Iterable

SECONDS_QUIET = 0.5
# Above this many changed paths, the folders are walked instead, which is cheaper and keeps the list of paths short.
PATHS_AT_MOST = 10_000
# Folders that never become quiet are walked after this time.
SECONDS_AT_MOST = 10.0


class Debouncer:
    """Changed paths with the time of their last change. Times are from a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._all_since: float | None = None
        self._last = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        """Record that these paths have just changed."""
        for path in paths:
            self._last = now
            if self._all_since is None:
                self._heard[path] = now
        if len(self._heard) > PATHS_AT_MOST:
            self.add_all(now)

    def add_all(self, now: float) -> None:
        """Record that anything may have changed."""
        self._heard.clear()
        self._last = now
        self._all_since = now if self._all_since is None else self._all_since

    def take(self, now: float) -> list[str] | None:
        """Remove and return the paths that have become quiet; None if anything may have changed."""
        if self._all_since is None:
            quiet = [path for path, heard in self._heard.items() if now - heard >= SECONDS_QUIET]
            for path in quiet:
                del self._heard[path]
            return quiet
        if now - self._last < SECONDS_QUIET and now - self._all_since < SECONDS_AT_MOST:
            return []
        self._all_since = None
        return None
