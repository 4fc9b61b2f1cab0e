"""Chunks of files -> decoded chunks, in the order in which they become ready, by a worker a core."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType

import numpy as np

from indexer.decode import Framing
from indexer.workers import DecodedChunk, Job, Outcome, Worker

WAIT = 0.1
# A drive that stalls must not stall the run; the largest picture that is accepted takes some seconds.
SECONDS_A_CHUNK, SECONDS_A_FILE = 120.0, 30.0
SECONDS_TO_END = 10.0


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class DecodingPool:
    """Decodes chunks of jobs ahead of whoever takes the results, but only a few chunks ahead.

    Where a worker dies of a chunk, or does not answer in time, its files are tried one by one; one that does it
    again is the culprit.
    """

    def __init__(self, framing: Framing, chunks: Iterable[list[Job]], workers: int | None = None) -> None:
        self._framing = framing
        self._chunks = iter(chunks)
        self._taking = threading.Lock()
        self._ending = threading.Event()
        count = workers or cores()
        self._ready: queue.Queue[DecodedChunk | BaseException | None] = queue.Queue(2 * count)
        self._threads = [threading.Thread(target=self._attend, daemon=True) for _ in range(count)]

    def __enter__(self) -> DecodingPool:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        deadline = time.monotonic() + SECONDS_TO_END
        for thread in self._threads:
            # One that waits for a drive, in the middle of its list of files, is left to wait.
            thread.join(max(deadline - time.monotonic(), 0))

    def results(self) -> Iterator[DecodedChunk | None]:
        """Decoded chunks until all are done; None now and then where there is nothing to take yet."""
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

    def _attend(self) -> None:
        """Feed one worker until nothing is left to do."""
        worker = None
        try:
            while (chunk := self._take()) and not self._ending.is_set():
                # Only now: a run that finds nothing new needs no workers.
                worker = worker or Worker(self._framing)
                for decoded in _decode_surely(worker, chunk):
                    self._put(decoded)
            self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            if worker:
                worker.end()

    def _take(self) -> list[Job] | None:
        with self._taking:
            return next(self._chunks, None)

    def _put(self, result: DecodedChunk | BaseException | None) -> None:
        while not self._ending.is_set():
            try:
                return self._ready.put(result, timeout=WAIT)
            except queue.Full:
                continue


def _decode_surely(worker: Worker, chunk: list[Job]) -> Iterator[DecodedChunk]:
    limit = SECONDS_A_CHUNK if len(chunk) > 1 else SECONDS_A_FILE
    try:
        yield worker.decode(chunk, limit)
        return
    except TimeoutError:
        worker.restart()
        reason = f"reading and decoding it took more than {limit:g} s"
    except (EOFError, OSError):
        reason = f"the process that decoded it died ({worker.restart()})"
    if len(chunk) == 1:
        yield DecodedChunk([Outcome(chunk[0], reason)], np.empty((0, 1, 1, 3), np.uint8), 0.0)
        return
    for job in chunk:
        yield from _decode_surely(worker, [job])
