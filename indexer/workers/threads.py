"""Threads of a run, whose results are taken in the order in which they become ready, and the chunks that they share."""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

WAIT = 0.1
SECONDS_TO_END = 10.0

Result = TypeVar("Result")


class OrderedThreads(ABC, Generic[Result]):
    """Works ahead of whoever takes the results, but only so many results ahead, by default two a thread."""

    def __init__(self, threads: int, ahead: int | None = None) -> None:
        self._ending = threading.Event()
        self._ready: queue.Queue[Result | BaseException | None] = queue.Queue(ahead or 2 * threads)
        self._threads = [threading.Thread(target=self._attend, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
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

    def results(self) -> Iterator[Result | None]:
        """Results until all are done; None now and then where there is nothing to take yet."""
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
        """What one thread does: `_put` results until nothing is left to do or `_ending` is set."""

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


Item = TypeVar("Item")


class ChunkQueue(Generic[Item]):
    """Gives out the chunks of an iterable, to one thread at a time; all ends when `ended` is set."""

    def __init__(self, chunks: Iterable[list[Item]], ended: threading.Event) -> None:
        self._chunks = iter(chunks)
        self._ended = ended
        self._asking = threading.Lock()
        self._changed = threading.Condition()
        self._is_exhausted = False
        self._handed_back: deque[list[Item]] = deque()
        self._under_way = 0

    def __iter__(self) -> Iterator[list[Item]]:
        """Chunks for one thread, until all are done; the one before counts as done when the next is asked for."""
        while chunk := self._take():
            with self._one_under_way():
                yield chunk

    def hand_back(self, items: list[Item]) -> None:
        """Leave these to whichever thread is free first."""
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
        """A chunk that was handed back, else the next; None where none is left and none can be handed back."""
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
            # Not for longer: a list of files that stalls does not keep what is handed back.
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
