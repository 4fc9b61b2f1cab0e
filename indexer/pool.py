"""Chunks of files -> decoded chunks, in the order in which they become ready, by a worker a core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from indexer.cores import cores
from indexer.decode import Framing
from indexer.stage import Stage
from indexer.workers import DecodedChunk, FileTask, Job, Outcome, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")

# A drive that stalls must not stall the run; the largest picture that is accepted takes some seconds.
SECONDS_A_CHUNK, SECONDS_A_FILE = 120.0, 30.0
# As many as two workers decode while the rest of the program is imported; 13 MB of pictures of 64x64.
CHUNKS_AHEAD = 16


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
                for decoded in surely(worker, chunk, worker.decode, _undecoded):
                    self._put(decoded)
        finally:
            if worker:
                worker.end()

    def _take(self) -> list[Job] | None:
        with self._taking:
            return next(self._chunks, None)


class TaskPool(Stage[list[Result]]):
    """Does a task with chunks of items, in workers, as a DecodingPool decodes."""

    def __init__(self, task: FileTask[Item, Result], chunks: Iterable[list[Item]]) -> None:
        super().__init__(cores())
        self._task = task
        self._chunks = iter(chunks)
        self._taking = threading.Lock()

    def _work(self) -> None:
        worker = None
        try:
            while (chunk := self._take()) and not self._ending.is_set():
                worker = worker or Worker(self._task)
                for results in surely(worker, chunk, worker.do, self._lost):
                    self._put(results)
        finally:
            if worker:
                worker.end()

    def _take(self) -> list[Any] | None:
        with self._taking:
            return next(self._chunks, None)

    def _lost(self, item: Any, reason: str) -> list[Result]:
        return [self._task.failed(item, reason)]


def surely(
    worker: Worker,
    chunk: list[Item],
    run: Callable[[list[Item], float], Result],
    lost: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """Have a worker run a chunk; where that kills or stalls it, its items one by one, and `lost` for the culprits."""
    limit = SECONDS_A_CHUNK if len(chunk) > 1 else SECONDS_A_FILE
    try:
        yield run(chunk, limit)
        return
    except TimeoutError:
        worker.restart()
        reason = f"reading and decoding it took more than {limit:g} s"
    except (EOFError, OSError):
        reason = f"the process that decoded it died ({worker.restart()})"
    if len(chunk) == 1:
        yield lost(chunk[0], reason)
        return
    for item in chunk:
        yield from surely(worker, [item], run, lost)


def _undecoded(job: Job, reason: str) -> DecodedChunk:
    return DecodedChunk([Outcome(job, reason)], np.empty((0, 1, 1, 3), np.uint8), 0.0)
