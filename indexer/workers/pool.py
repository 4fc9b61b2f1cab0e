"""Chunks of files -> what workers make of them, in the order in which they become ready, by a worker a core."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np

from indexer.decoding.framing import Framing
from indexer.system.limits import cores, memory_cap
from indexer.workers.budget import Budget, workers_within
from indexer.workers.tasks import CHUNK_FILES, DecodedChunk, FileTask, Job, Outcome
from indexer.workers.threads import ChunkQueue, OrderedThreads
from indexer.workers.worker import OutOfTime, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")
Chunk = TypeVar("Chunk")

# A drive that stalls must not stall the run; the largest picture that is accepted takes some seconds.
SECONDS_A_CHUNK, SECONDS_A_FILE = 120.0, 30.0
# As many as two workers decode while the rest of the program is imported, 13 MB of pictures of 64x64; fewer of larger.
CHUNKS_AHEAD, BYTES_AHEAD = 16, 50_000_000
# What a process dies of that stumbles over its input. Any other signal comes from outside, and so does most of what
# makes an interpreter end by itself, such as memory that ran out.
CRASHES = frozenset(("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"))


class WorkerPool(OrderedThreads[Chunk], Generic[Item, Chunk]):
    """Has workers do something with chunks of items.

    Where a worker dies of a chunk, or does not answer in time, its items are tried one by one; one that does it
    again is the culprit. memory: the cap in bytes on what this process and its workers take, by default that of
    `indexer.system.limits.memory_cap`.
    """

    def __init__(
        self,
        work: Framing | FileTask[Any, Any],
        chunks: Iterable[list[Item]],
        ahead: int | None = None,
        workers: int | None = None,
        memory: int | None = None,
    ) -> None:
        cap = memory or memory_cap()
        threads = workers or workers_within(cap, cores())
        super().__init__(threads, ahead and max(2, min(max(2 * threads, CHUNKS_AHEAD), ahead)))
        self._what = work
        self._budget = Budget(cap, threads)
        self._chunks = ChunkQueue(chunks, self._ending)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._budget.close()
        super().__exit__(kind, error, trace)

    @abstractmethod
    def _run(self, worker: Worker, items: list[Item], seconds: float) -> Chunk:
        """Have a worker do it."""

    @abstractmethod
    def _lost(self, item: Item, reason: str, may_pass: bool) -> Chunk:
        """What is said of an item that killed or stalled its worker; may_pass: whether its content is not to blame."""

    def _work(self) -> None:
        """Feed one worker."""
        worker = None
        try:
            for chunk in self._chunks:
                # Only now: a run that finds nothing new needs no workers.
                worker = worker or Worker(self._what, self._budget, self._chunks.hand_back)
                for done in self._surely(worker, chunk):
                    self._put(done)
        finally:
            if worker:
                worker.end()

    def _surely(self, worker: Worker, chunk: list[Item]) -> Iterator[Chunk]:
        limit = SECONDS_A_CHUNK if len(chunk) > 1 else SECONDS_A_FILE
        try:
            yield self._run(worker, chunk, limit)
            return
        except OutOfTime as error:
            worker.restart()
            reason, may_pass = f"reading and decoding it took more than {limit:g} s", not error.is_busy
        except (EOFError, OSError):
            cause = worker.restart()
            reason, may_pass = f"the process that decoded it died ({cause})", cause not in CRASHES
        if len(chunk) == 1:
            yield self._lost(chunk[0], reason, may_pass)
            return
        for item in tuple(worker.kept):
            yield from self._surely(worker, [item])


class DecodingPool(WorkerPool[Job, DecodedChunk]):
    """Decodes chunks of jobs; workers and memory as WorkerPool has them."""

    def __init__(
        self, framing: Framing, chunks: Iterable[list[Job]], workers: int | None = None, memory: int | None = None
    ) -> None:
        fitting = BYTES_AHEAD // (CHUNK_FILES * framing.width * framing.height * 3)
        super().__init__(framing, chunks, max(fitting, 1), workers, memory)

    def _run(self, worker: Worker, items: list[Job], seconds: float) -> DecodedChunk:
        return worker.decode(items, seconds)

    def _lost(self, item: Job, reason: str, may_pass: bool) -> DecodedChunk:
        return DecodedChunk([Outcome(item, reason, may_pass=may_pass)], np.empty((0, 1, 1, 3), np.uint8), 0.0)


class TaskPool(WorkerPool[Item, list[Result]], Generic[Item, Result]):
    """Does a task with chunks of items."""

    def __init__(self, task: FileTask[Item, Result], chunks: Iterable[list[Item]]) -> None:
        super().__init__(task, chunks)
        self._task = task

    def _run(self, worker: Worker, items: list[Item], seconds: float) -> list[Result]:
        return worker.do(items, seconds)

    def _lost(self, item: Item, reason: str, may_pass: bool) -> list[Result]:
        return [self._task.failed(item, reason)]
