"""Found files and what the catalogue knows of them -> what is left to decode.

It imports no catalogue, so that a first run, of which nothing is known, can begin before there is one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from indexer.discover import Found, Problem
from indexer.seen import Seen
from indexer.workers import Job

if TYPE_CHECKING:
    from indexer.failure_rows import Failure
    from indexer.image_rows import ImageRecord
    from indexer.known import Known

# A chunk goes to a worker at once: enough files to hide the way there, few enough bytes to be back soon.
CHUNK_FILES = 64
CHUNK_BYTES = 4_000_000
# Files that the catalogue is asked about at once.
ASKED_AT_ONCE = 256
# The id of the first image that an index gets.
FIRST_ID = 1


def in_chunks(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs some at a time, as many as go to a worker at once."""
    chunk: list[Job] = []
    size = 0
    for job in jobs:
        if chunk and (len(chunk) == CHUNK_FILES or size + job.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(job)
        size += job.size
    if chunk:
        yield chunk


class Plan:
    """Goes through the files that were found, once, and tells those to decode from those that have not changed.

    known: what the catalogue knows, None for nothing. before: ids from here on are given in this run.
    It keeps eight bytes a file: `seen`. problems: what cannot be used, until somebody takes them; hidden: the paths
    of those that cannot be seen now.
    """

    def __init__(self, known: Known | None = None) -> None:
        self._known = known
        self.before = known.before if known else FIRST_ID
        self.seen = Seen()
        self.problems: deque[Problem] = deque()
        self.hidden: list[str] = []
        self.found = self.unchanged = self.still_failing = 0
        self.seconds = 0.0

    def take_problems(self) -> list[Problem]:
        """What cannot be used and has not been taken before."""
        return [self.problems.popleft() for _ in range(len(self.problems))]

    def chunks(self, files: Iterable[Found | Problem], ended: threading.Event) -> Iterator[list[Job]]:
        """The files to decode, some at a time, until `ended`."""
        start = time.perf_counter()
        for chunk in in_chunks(self._jobs(files, ended)):
            self.seconds += time.perf_counter() - start
            yield chunk
            start = time.perf_counter()
        self.seconds += time.perf_counter() - start

    def _jobs(self, files: Iterable[Found | Problem], ended: threading.Event) -> Iterator[Job]:
        files = iter(files)
        while some := list(islice(files, ASKED_AT_ONCE)):
            yield from filter(None, self._look_at_some(some))
            if ended.is_set():
                return

    def _look_at_some(self, files: list[Found | Problem]) -> list[Job | None]:
        if self._known is None:
            return [self._look_at(file, None, None) for file in files]
        paths = [file.path for file in files]
        images, failures = self._known.images_at(paths), self._known.failures_at(paths)
        jobs = [self._look_at(file, images.get(file.path), failures.get(file.path)) for file in files]
        self._known.look_again()
        return jobs

    def _look_at(self, file: Found | Problem, image: ImageRecord | None, failure: Failure | None) -> Job | None:
        self.found += 1
        self.seen.add(file.path)
        if isinstance(file, Problem):
            self.problems.append(file)
            self.hidden += [file.path] if file.is_hidden else []
            return None
        now = (file.size, file.mtime_ns)
        if image is not None and (image.size, image.mtime_ns) == now:
            self.unchanged += 1
            return None
        if image is None and failure is not None and (failure.size, failure.mtime_ns) == now:
            self.still_failing += 1
            return None
        contents = self._known.contents_of_size(file.size) if self._known else ()
        return Job(file.path, file.size, file.mtime_ns, contents)


class Count(threading.Thread):
    """Counts files ahead of the plan, so that the time left can be told; total is None until it has ended."""

    def __init__(self, files: Iterable[object]) -> None:
        super().__init__(daemon=True)
        self.total: int | None = None
        self._files = files

    def run(self) -> None:
        """Count."""
        self.total = sum(1 for _ in self._files)
