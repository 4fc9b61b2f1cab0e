"""Found files and what the catalogue knows of them -> what is left to decode."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from indexer.catalog import Failure, ImageRecord
from indexer.discover import Found, Problem
from indexer.workers import Job

# A chunk goes to a worker at once: enough files to hide the way there, few enough bytes to be back soon.
CHUNK_FILES = 64
CHUNK_BYTES = 4_000_000
# Contents of one size that a worker is told of; beyond that, a moved file is decoded once more.
KNOWN_AT_MOST = 1_000


class Plan:
    """Goes through the files that were found, once, and tells those to decode from those that have not changed.

    images: the catalogue's, by path. failures: its own, by path. After `chunks` has ended, `unseen` holds the images
    whose files were not found, and `unseen_failures` the failures.
    """

    def __init__(self, images: Iterable[ImageRecord], failures: Iterable[Failure]) -> None:
        self.unseen = {record.path: record for record in images}
        self.unseen_failures = {failure.path: failure for failure in failures}
        self.changed: dict[str, ImageRecord] = {}
        self.problems: list[Problem] = []
        self.found = self.unchanged = self.still_failing = 0
        self.seconds = 0.0
        self.by_digest: dict[bytes, list[ImageRecord]] = {}
        self._digests_by_size: dict[int, list[bytes]] = {}
        for record in self.unseen.values():
            self.by_digest.setdefault(record.digest, []).append(record)
            self._digests_by_size.setdefault(record.size, []).append(record.digest)

    def chunks(self, files: Iterable[Found | Problem]) -> Iterator[list[Job]]:
        """The files to decode, some at a time."""
        chunk: list[Job] = []
        size = 0
        start = time.perf_counter()
        for file in files:
            job = self._look_at(file)
            if job is None:
                continue
            if chunk and (len(chunk) == CHUNK_FILES or size + job.size > CHUNK_BYTES):
                self.seconds += time.perf_counter() - start
                yield chunk
                start = time.perf_counter()
                chunk, size = [], 0
            chunk.append(job)
            size += job.size
        self.seconds += time.perf_counter() - start
        if chunk:
            yield chunk

    def vanished(self, folders: Sequence[str | Path]) -> list[ImageRecord]:
        """Images under these folders whose files were not found, but for those in folders that could not be listed."""
        return [record for record in self.unseen.values() if self._should_have_been_found(record.path, folders)]

    def vanished_failures(self, folders: Sequence[str | Path]) -> list[str]:
        """Paths of failures under these folders whose files were not found."""
        return [path for path in self.unseen_failures if self._should_have_been_found(path, folders)]

    def _look_at(self, file: Found | Problem) -> Job | None:
        self.found += 1
        failure = self.unseen_failures.pop(file.path, None)
        if isinstance(file, Problem):
            self.problems.append(file)
            return None
        record = self.unseen.pop(file.path, None)
        if record is not None:
            if (record.size, record.mtime_ns) == (file.size, file.mtime_ns):
                self.unchanged += 1
                return None
            self.changed[file.path] = record
        elif failure is not None and (failure.size, failure.mtime_ns) == (file.size, file.mtime_ns):
            self.still_failing += 1
            return None
        known = self._digests_by_size.get(file.size, ())
        return Job(file.path, file.size, file.mtime_ns, tuple(known[:KNOWN_AT_MOST]))

    def _should_have_been_found(self, path: str, folders: Sequence[str | Path]) -> bool:
        if not any(is_under(path, os.path.abspath(folder)) for folder in folders):
            return False
        return not any(is_under(path, problem.path) for problem in self.problems if problem.path != path)


class Count(threading.Thread):
    """Counts files ahead of the plan, so that the time left can be told; total is None until it has ended."""

    def __init__(self, files: Iterable[object]) -> None:
        super().__init__(daemon=True)
        self.total: int | None = None
        self._files = files

    def run(self) -> None:
        """Count."""
        self.total = sum(1 for _ in self._files)


def is_under(path: str, folder: str) -> bool:
    """Whether a path is this one or lies in that folder."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
