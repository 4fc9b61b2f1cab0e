"""A catalogue's failures: files that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select

from indexer.catalog.connection import Statements
from indexer.catalog.schema import FAILURE


class Failure(NamedTuple):
    """A file that cannot be used, why, and what it was when it was tried (None where that is not known).

    may_pass: whether circumstances are the reason, so that every run tries it again. decoder: the version of what tried
    to decode it: another one tries a content again that this one could not decode.
    """

    path: str
    reason: str
    size: int | None = None
    mtime_ns: int | None = None
    may_pass: bool = False
    decoder: str | None = None


def failure_of(row: Sequence[Any]) -> Failure:
    """The failure that a row of all columns holds."""
    path, reason, size, mtime_ns, may_pass, decoder = row
    return Failure(path, reason, size, mtime_ns, bool(may_pass), decoder)


class Failures(Statements):
    """Files that cannot be used, by path."""

    def all(self) -> list[Failure]:
        """The files that cannot be used, by path."""
        return list(map(failure_of, self._connection.execute(select(FAILURE).order_by(FAILURE.c.path))))

    def at(self, paths: Sequence[str]) -> list[Failure]:
        """The failures of files at absolute paths; of 32,766 at most, which is what SQLite takes."""
        return list(map(failure_of, self.rows(select(FAILURE).where(FAILURE.c.path.in_(paths)))))

    def count(self) -> int:
        """How many files cannot be used."""
        return self._scalar(select(func.count()).select_from(FAILURE))

    def count_that_may_pass(self) -> int:
        """How many of them every run tries again."""
        return self._scalar(select(func.count()).select_from(FAILURE).where(FAILURE.c.may_pass == 1))

    def under(self, path: str) -> Iterator[str]:
        """The path itself, if its file cannot be used, and those of all such files in that folder; as images_under."""
        return (os.fsdecode(found) for (found,) in self._under("path", "failure", path))

    def add(self, failures: Iterable[Failure]) -> None:
        """Note failures, each in the place of an earlier one of that file."""
        rows = [(os.fsencode(failure.path), *failure[1:]) for failure in failures]
        if rows:
            self._connection.exec_driver_sql("REPLACE INTO failure VALUES (?, ?, ?, ?, ?, ?)", rows)

    def remove(self, paths: Iterable[str]) -> None:
        """Forget the failures of files."""
        if not self._plainly("SELECT 1 FROM failure LIMIT 1", ()).fetchall():
            return
        rows = [(os.fsencode(path),) for path in paths]
        if rows:
            self._plainly("DELETE FROM failure WHERE path = ?", rows, many=True)
