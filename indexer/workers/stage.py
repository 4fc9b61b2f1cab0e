"""A stage of a run: threads whose results are taken in the order in which they become ready."""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
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
