"""Chunks of files -> decoded chunks, in the order in which they become ready, by a worker a core."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import numpy as np

from indexer.cores import cores
from indexer.decode import Framing
from indexer.stage import Stage
from indexer.workers import DecodedChunk, Job, Outcome, OutOfTime, Worker

# A drive that stalls must not stall the run; the largest picture that is accepted takes some seconds.
SECONDS_A_CHUNK, SECONDS_A_FILE = 120.0, 30.0
# As many as two workers decode while the rest of the program is imported; 13 MB of pictures of 64x64.
CHUNKS_AHEAD = 16
# What a process dies of that stumbles over its input. Any other signal comes from outside, and so does most of what
# makes an interpreter end by itself, such as memory that ran out.
CRASHES = frozenset(("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"))


class DecodingPool(Stage[DecodedChunk]):
    """Decodes chunks of jobs.

    Where a worker dies of a chunk, or does not answer in time, its files are tried one by one; one that does it
    again is the culprit.
    """

    def __init__(self, framing: Framing, chunks: Iterable[list[Job]], workers: int | None = None) -> None:
        threads = workers or cores()
        super().__init__(threads, max(2 * threads, CHUNKS_AHEAD))
        self._framing = framing
        self._chunks = iter(chunks)
        self._taking = threading.Lock()

    def _work(self) -> None:
        """Feed one worker."""
        worker = None
        try:
            while (chunk := self._take()) and not self._ending.is_set():
                # Only now: a run that finds nothing new needs no workers.
                worker = worker or Worker(self._framing)
                for decoded in _decode_surely(worker, chunk):
                    self._put(decoded)
        finally:
            if worker:
                worker.end()

    def _take(self) -> list[Job] | None:
        with self._taking:
            return next(self._chunks, None)


def _decode_surely(worker: Worker, chunk: list[Job]) -> Iterator[DecodedChunk]:
    limit = SECONDS_A_CHUNK if len(chunk) > 1 else SECONDS_A_FILE
    try:
        yield worker.decode(chunk, limit)
        return
    except OutOfTime as error:
        worker.restart()
        reason, may_pass = f"reading and decoding it took more than {limit:g} s", not error.is_busy
    except (EOFError, OSError):
        cause = worker.restart()
        reason, may_pass = f"the process that decoded it died ({cause})", cause not in CRASHES
    if len(chunk) == 1:
        yield DecodedChunk([Outcome(chunk[0], reason, may_pass=may_pass)], np.empty((0, 1, 1, 3), np.uint8), 0.0)
        return
    for job in chunk:
        yield from _decode_surely(worker, [job])
