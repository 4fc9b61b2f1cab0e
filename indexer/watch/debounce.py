"""Paths that have changed, kept until they have been quiet for a while: nobody reads a file that is half written."""

from __future__ import annotations

from collections.abc import Iterable

SECONDS_QUIET = 0.5
# Beyond so many changed paths it is less work to go through their folders, and what has changed fits in no more memory.
PATHS_AT_MOST = 10_000
# Folders in which something always changes are gone through all the same.
SECONDS_AT_MOST = 10.0


class Debouncer:
    """Changed paths and when each was last heard of; times are those of a clock that never goes back, in seconds."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._all_since: float | None = None
        self._last = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        """Note that these have changed just now."""
        for path in paths:
            self._last = now
            if self._all_since is None:
                self._heard[path] = now
        if len(self._heard) > PATHS_AT_MOST:
            self.add_all(now)

    def add_all(self, now: float) -> None:
        """Note that anything may have changed."""
        self._heard.clear()
        self._last = now
        self._all_since = now if self._all_since is None else self._all_since

    def take(self, now: float) -> list[str] | None:
        """The paths that have become quiet, which are forgotten here; None for all there may be."""
        if self._all_since is None:
            quiet = [path for path, heard in self._heard.items() if now - heard >= SECONDS_QUIET]
            for path in quiet:
                del self._heard[path]
            return quiet
        if now - self._last < SECONDS_QUIET and now - self._all_since < SECONDS_AT_MOST:
            return []
        self._all_since = None
        return None
