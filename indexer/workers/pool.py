"""Thread pools that keep workers busy with chunks of files and yield results as they become ready."""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import numpy as np

from indexer.encoders.framing import Framing
from indexer.system.limits import cores, memory_cap
from indexer.workers.budget import DETECTOR_BYTES, Budget, workers_within
from indexer.workers.tasks import CHUNK_FILES, DecodedChunk, FileTask, Job, Outcome
from indexer.workers.worker import OutOfTime, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")
Chunk = TypeVar("Chunk")

# Seconds between checks of the other threads, and the most that closing waits for threads blocked by a drive.
WAIT, SECONDS_TO_END = 0.1, 10.0
# Time limits in seconds, so that a stalled drive does not stall the run. The largest picture takes a few seconds.
SECONDS_A_CHUNK, SECONDS_A_FILE = 120.0, 30.0
# Limits on decoded chunks that wait for the main program. While it is still importing, two workers decode 16 chunks,
# 13 MB at 64x64 pixels. Larger pictures get fewer chunks.
CHUNKS_AHEAD, BYTES_AHEAD = 16, 50_000_000
# Signals that a process gets when its input crashes it. Other signals come from outside, and most exit codes have
# causes other than the input, such as lack of memory.
CRASHES = frozenset(("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"))


class OrderedThreads(ABC, Generic[Result]):
    """Threads that compute results in advance, up to a limit: by default two results per thread."""

    def __init__(self, threads: int, ahead: int | None = None) -> None:
        self._ending = threading.Event()
        self._ready: queue.Queue[Result | BaseException | None] = queue.Queue(ahead or 2 * threads)
        self._threads = [threading.Thread(target=self._attend, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        deadline = time.monotonic() + SECONDS_TO_END
        for thread in self._threads:
            # A thread that is blocked by a drive while listing files is abandoned.
            thread.join(max(deadline - time.monotonic(), 0))

    def results(self) -> Iterator[Result | None]:
        """Yield results until all threads are done; yield None while no result is ready."""
        running = len(self._threads)
        while running:
            try:
                result = self._ready.get(timeout=WAIT)
            except queue.Empty:
                yield None
                continue
            if isinstance(result, BaseException):
                raise result
            if result is None:
                running -= 1
            else:
                yield result

    @abstractmethod
    def _work(self) -> None:
        """Work in one thread: `_put` results until nothing is left to do or `_ending` is set."""

    def _attend(self) -> None:
        try:
            self._work()
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, result: Result | BaseException | None) -> None:
        while not self._ending.is_set():
            try:
                return self._ready.put(result, timeout=WAIT)
            except queue.Full:
                continue


class ChunkQueue(Generic[Item]):
    """Hands out the chunks of an iterable to several threads, until it is exhausted or `ended` is set."""

    def __init__(self, chunks: Iterable[list[Item]], ended: threading.Event) -> None:
        self._chunks = iter(chunks)
        self._ended = ended
        self._asking = threading.Lock()
        self._changed = threading.Condition()
        self._is_exhausted = False
        self._handed_back: deque[list[Item]] = deque()
        self._under_way = 0

    def __iter__(self) -> Iterator[list[Item]]:
        """Yield chunks for one thread until all are done. Asking for the next chunk marks the last one as done."""
        while chunk := self._take():
            with self._one_under_way():
                yield chunk

    def hand_back(self, items: list[Item]) -> None:
        """Return items to the queue for the next free thread."""
        with self._changed:
            self._handed_back.append(items)
            self._changed.notify()

    @contextmanager
    def _one_under_way(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _take(self) -> list[Item] | None:
        """Return a chunk that was handed back, or else the next one; None if no more can come."""
        while not self._ended.is_set():
            with self._changed:
                if self._handed_back:
                    self._under_way += 1
                    return self._handed_back.popleft()
                if self._is_exhausted:
                    if not self._under_way:
                        return None
                    self._changed.wait(WAIT)
                    continue
            # The timeout lets this thread take chunks that are handed back while the listing of files is stalled.
            if self._asking.acquire(timeout=WAIT):
                try:
                    chunk = next(self._chunks, None)
                    with self._changed:
                        self._is_exhausted = chunk is None
                        self._under_way += bool(chunk)
                finally:
                    self._asking.release()
                if chunk:
                    return chunk
        return None


class WorkerPool(OrderedThreads[Chunk], Generic[Item, Chunk]):
    """Runs workers on chunks of items.

    If a worker dies or does not answer in time, the items of its chunk are retried one by one; an item that fails again
    is reported as the cause. memory: the cap in bytes on this process and its workers; None for
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
        cap, more = memory or memory_cap(), DETECTOR_BYTES if getattr(work, "faces", None) is not None else 0
        threads = workers or workers_within(cap, cores(), more)
        super().__init__(threads, ahead and max(2, min(max(2 * threads, CHUNKS_AHEAD), ahead)))
        self._what = work
        self._budget = Budget(cap, threads, more)
        self._chunks = ChunkQueue(chunks, self._ending)

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._budget.close()
        super().__exit__(error_type, error, trace)

    @abstractmethod
    def _run(self, worker: Worker, items: list[Item], seconds: float) -> Chunk:
        """Run a chunk of items on a worker."""

    @abstractmethod
    def _lost(self, item: Item, reason: str, may_pass: bool) -> Chunk:
        """Return the result for an item that killed or stalled its worker; may_pass: whether a retry may succeed."""

    def _work(self) -> None:
        """Run one worker on chunks from the queue."""
        worker = None
        try:
            for chunk in self._chunks:
                # Start the worker only for a first chunk: a run that finds nothing new needs none.
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
    """Decodes chunks of jobs. Workers and memory: see WorkerPool."""

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
    """Runs a task on chunks of items. Memory: see WorkerPool."""

    def __init__(self, task: FileTask[Item, Result], chunks: Iterable[list[Item]], memory: int | None = None) -> None:
        super().__init__(task, chunks, memory=memory)
        self._task = task

    def _run(self, worker: Worker, items: list[Item], seconds: float) -> list[Result]:
        return worker.do(items, seconds)

    def _lost(self, item: Item, reason: str, may_pass: bool) -> list[Result]:
        return [self._task.failed(item, reason)]
