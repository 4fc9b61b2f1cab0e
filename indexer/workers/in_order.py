"""Decodes files with worker processes and yields the results in the order of the files."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.framing import Framing
from indexer.workers.pool import WAIT, DecodingPool
from indexer.workers.tasks import CHUNK_FILES, NO_PIXELS, DecodedChunk, Job, Outcome, in_chunks

# Limit on the decoded pixels, in bytes, that wait for an earlier picture.
BYTES_WAITING = 100_000_000

# An outcome with its pixels, uint8 (h, w, 3), or None if the file cannot be used.
Pictured = tuple[Outcome, NDArray[np.uint8] | None]


def decoded_in_order(framing: Framing, jobs: Iterable[Job], workers: int | None = None) -> Iterator[Pictured]:
    """Decode files with worker processes; outcomes come in the order of the jobs."""
    window = _Window(jobs, max(2 * CHUNK_FILES, BYTES_WAITING // (framing.width * framing.height * 3)))
    with DecodingPool(framing, window.chunks(), workers) as pool:
        try:
            for chunk in filter(None, pool.results()):
                yield from window.take(chunk)
        finally:
            window.close()


def job_at(path: str | Path) -> Job:
    """Return the job for a path; a missing file gets size 0 and fails when it is read."""
    try:
        return Job(os.fspath(path), os.stat(path).st_size, 0)
    except OSError:
        return Job(os.fspath(path), 0, 0)


class _Window:
    """Limits the number of jobs in progress, and keeps results until all earlier ones have arrived."""

    def __init__(self, jobs: Iterable[Job], at_most: int) -> None:
        self._jobs = jobs
        self._at_most = at_most
        self._changed = threading.Condition()
        self._listed: deque[str] = deque()
        # A path may occur more than once.
        self._waiting: defaultdict[str, deque[Pictured]] = defaultdict(deque)
        self._is_closed = False

    def chunks(self) -> Iterator[list[Job]]:
        """Yield the jobs in chunks, waiting while too many are in progress."""
        for chunk in in_chunks(self._jobs):
            with self._changed:
                while len(self._listed) >= self._at_most and not self._is_closed:
                    self._changed.wait(WAIT)
                if self._is_closed:
                    return
                self._listed.extend(job.path for job in chunk)
            yield chunk

    def take(self, chunk: DecodedChunk) -> Iterator[Pictured]:
        """Store the results of a chunk, and yield all results whose turn has come."""
        for outcome in chunk.outcomes:
            pixels = None if outcome.row == NO_PIXELS else chunk.pixels[outcome.row]
            self._waiting[outcome.job.path].append((outcome, pixels))
        while self._listed and self._waiting[self._listed[0]]:
            with self._changed:
                path = self._listed.popleft()
                self._changed.notify_all()
            yield self._waiting[path].popleft()
            if not self._waiting[path]:
                del self._waiting[path]

    def close(self) -> None:
        """Stop yielding jobs."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
