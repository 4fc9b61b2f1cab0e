"""Chunks of files -> decoded chunks, in the order in which they become ready, by a worker a core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType

import numpy as np

from indexer.budget import Budget, workers_within
from indexer.chunk_queue import ChunkQueue
from indexer.cores import cores
from indexer.decode import Framing
from indexer.memory import memory_cap
from indexer.plan import CHUNK_FILES
from indexer.stage import Stage
from indexer.workers import DecodedChunk, Job, Outcome, OutOfTime, Worker

# A drive that stalls must not stall the run; the largest picture that is accepted takes some seconds.
SECONDS_A_CHUNK, SECONDS_A_FILE = 120.0, 30.0
# As many as two workers decode while the rest of the program is imported, 13 MB of pictures of 64x64; fewer of larger.
CHUNKS_AHEAD, BYTES_AHEAD = 16, 50_000_000
# What a process dies of that stumbles over its input. Any other signal comes from outside, and so does most of what
# makes an interpreter end by itself, such as memory that ran out.
CRASHES = frozenset(("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"))


class DecodingPool(Stage[DecodedChunk]):
    """Decodes chunks of jobs.

    Where a worker dies of a chunk, or does not answer in time, its files are tried one by one; one that does it
    again is the culprit. memory: the cap in bytes on what this process and its workers take, by default that of
    `indexer.memory.memory_cap`.
    """

    def __init__(
        self, framing: Framing, chunks: Iterable[list[Job]], workers: int | None = None, memory: int | None = None
    ) -> None:
        cap = memory or memory_cap()
        threads = workers or workers_within(cap, cores())
        fitting = BYTES_AHEAD // (CHUNK_FILES * framing.width * framing.height * 3)
        super().__init__(threads, max(2, min(max(2 * threads, CHUNKS_AHEAD), fitting)))
        self._framing = framing
        self._budget = Budget(cap, threads)
        self._chunks = ChunkQueue(chunks, self._ending)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._budget.close()
        super().__exit__(kind, error, trace)

    def _work(self) -> None:
        """Feed one worker."""
        worker = None
        try:
            for chunk in self._chunks:
                # Only now: a run that finds nothing new needs no workers.
                worker = worker or Worker(self._framing, self._budget, self._chunks.hand_back)
                for decoded in _decode_surely(worker, chunk):
                    self._put(decoded)
        finally:
            if worker:
                worker.end()


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
    for job in tuple(worker.kept):
        yield from _decode_surely(worker, [job])
