"""Chunks of items for several threads; each thread may hand back items that others can do sooner."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from indexer.workers.stage import WAIT

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
