"""The catalogue's failures: files that could not be indexed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select

from indexer.catalog.schema import FAILURE
from indexer.catalog.sqlite import Statements


class Failure(NamedTuple):
    """A file that could not be indexed, and the reason.

    size, mtime_ns: size in bytes and modification time in nanoseconds since 1970 when the file was tried, None if
    unknown. may_pass: whether the cause lies outside the file, so that every run tries it again. decoder: the version
    of the decoders that tried it; another version tries unchanged content again.
    """

    path: str
    reason: str
    size: int | None = None
    mtime_ns: int | None = None
    may_pass: bool = False
    decoder: str | None = None


def failure_of(row: Sequence[Any]) -> Failure:
    """Build a failure from a row with all columns."""
    path, reason, size, mtime_ns, may_pass, decoder = row
    return Failure(path, reason, size, mtime_ns, bool(may_pass), decoder)


class Failures(Statements):
    """Files that could not be indexed, by path."""

    def all(self) -> list[Failure]:
        """Return all failures, ordered by path."""
        return list(map(failure_of, self._connection.execute(select(FAILURE).order_by(FAILURE.c.path))))

    def at(self, paths: Sequence[str]) -> list[Failure]:
        """Return the failures at absolute paths; at most 32,766 paths, SQLite's limit per statement."""
        return list(map(failure_of, self.rows(select(FAILURE).where(FAILURE.c.path.in_(paths)))))

    def count(self) -> int:
        """Count the failures."""
        return self._scalar(select(func.count()).select_from(FAILURE))

    def count_that_may_pass(self) -> int:
        """Count the failures that every run tries again."""
        return self._scalar(select(func.count()).select_from(FAILURE).where(FAILURE.c.may_pass == 1))

    def under(self, path: str) -> Iterator[str]:
        """Yield the paths of failures at or below a path; safe while failures are removed."""
        return (os.fsdecode(found) for (found,) in self._fast.failures_under(os.fsencode(path)))

    def add(self, failures: Iterable[Failure]) -> None:
        """Record failures, replacing earlier ones of the same files."""
        rows = [failure._asdict() for failure in failures]
        if rows:
            self._connection.execute(insert(FAILURE).prefix_with("OR REPLACE"), rows)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove the failures of some files."""
        if self._connection.execute(select(FAILURE.c.path).limit(1)).first() is None:
            return
        rows = [{"gone": path} for path in paths]
        if rows:
            self._connection.execute(delete(FAILURE).where(FAILURE.c.path == bindparam("gone")), rows)
