"""Divides a run's memory among decoding workers, which take turns in order of arrival."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from indexer.errors import UnreadableImage
from indexer.system.limits import above_cap

# Bytes that each worker may use without asking; the budget reserves them. Most photos need a few MB at reduced size.
FREE_BYTES = 16_000_000
# Bytes reserved for this process: imports, a network, pictures in transit. If it uses more, the actual amount counts;
# with the default encoder, two encoding threads take 240 MB.
MAIN_BYTES = 200_000_000
# Bytes for mapped pages of program files, which count against the cap but not as RssAnon.
PROGRAM_BYTES = 50_000_000
# Bytes reserved for each worker: an interpreter with Pillow (38 MB), and what it uses without asking.
WORKER_BYTES = 40_000_000 + FREE_BYTES
# Bytes for each worker that finds faces: ONNX Runtime, the detector with what it computes for the largest first look,
# and the pixels of a chunk's faces.
DETECTOR_BYTES = 300_000_000
# This process's own memory can shrink without notice, so waiting workers look again at this interval; when no other
# worker holds memory that could be returned, they give up after this many seconds.
SECONDS_BETWEEN_LOOKS, SECONDS_OF_PATIENCE = 0.5, 10.0


class Closed(Exception):
    """The budget was closed while a worker was waiting."""


def workers_within(cap: int, wanted: int, more: int = 0) -> int:
    """Return how many workers to start: `wanted`, or fewer, so that most of the cap remains for large pictures.

    more: bytes that each worker needs beside WORKER_BYTES.
    """
    return max(1, min(wanted, (cap // 3 - MAIN_BYTES) // (WORKER_BYTES + more)))


class Budget:
    """Keeps this process and its workers below a memory cap by making large requests wait.

    Each worker decodes one picture at a time. It may first request memory for the file alone, and request the rest
    after reading it. The second request precedes all others, and only one worker may be between the two at a time;
    otherwise, two could wait for each other.
    """

    def __init__(self, cap: int, workers: int, more: int = 0) -> None:
        self._cap = cap
        self._apart = MAIN_BYTES + workers * (WORKER_BYTES + more)
        self._changed = threading.Condition()
        self._held: dict[object, int] = {}
        self._line: deque[object] = deque()
        self._reader: object = None
        self._is_closed = False

    def take(self, holder: object, size: int, is_file: bool, before_waiting: Callable[[], None]) -> str:
        """Wait until `holder` may use `size` bytes in total. Returns why that is impossible, or "".

        is_file: whether the holder will ask for more later. before_waiting: called before each wait. Raises Closed.
        """
        with self._changed:
            join = self._line.appendleft if holder in self._held else self._line.append
            join(holder)
            try:
                if size + self._apart > self._cap:
                    return above_cap(size, self._cap, self._apart)
                return self._wait_for_turn(holder, size, is_file, before_waiting)
            finally:
                self._line.remove(holder)
                self._changed.notify_all()

    def _wait_for_turn(self, holder: object, size: int, is_file: bool, before_waiting: Callable[[], None]) -> str:
        looks = SECONDS_OF_PATIENCE / SECONDS_BETWEEN_LOOKS
        while not self._is_closed:
            apart = max(self._apart, self._apart - MAIN_BYTES + PROGRAM_BYTES + own_bytes())
            held = sum(held for other, held in self._held.items() if other is not holder)
            if self._is_turn_of(holder, is_file) and apart + held + size <= self._cap:
                self._held[holder] = size
                self._reader = holder if is_file else None if self._reader is holder else self._reader
                return ""
            looks -= held == 0 and self._line[0] is holder
            if looks < 0:
                return above_cap(size, self._cap, apart)
            before_waiting()
            self._changed.wait(SECONDS_BETWEEN_LOOKS)
        raise Closed

    def give_back(self, holder: object) -> None:
        """Free the memory that a worker holds, if any."""
        with self._changed:
            self._held.pop(holder, None)
            if self._reader is holder:
                self._reader = None
            self._changed.notify_all()

    def close(self) -> None:
        """Make all waiting calls raise Closed."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_turn_of(self, holder: object, is_file: bool) -> bool:
        return self._line[0] is holder and (not is_file or self._reader is None)


def own_bytes() -> int:
    """Return this process's anonymous resident memory in bytes; 0 if the system does not report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


class Ask(NamedTuple):
    """A worker's request for memory.

    number: the picture's position in its chunk. size: its memory in bytes, in total; 0 returns the memory. is_file:
    whether the bytes are for the file alone; the worker then asks again once it has read the header.
    """

    number: int
    size: int
    is_file: bool = False


class Answer(NamedTuple):
    """The reply to an Ask. reason: why it can never be granted, or "". is_last: whether later items were given away."""

    reason: str = ""
    is_last: bool = False


class Share:
    """Requests memory for the pictures of one chunk, one at a time, over the connection to the parent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number = 0
        self._has_asked = False
        self.is_last = False

    def begin(self, number: int) -> None:
        """Switch to the picture at this position."""
        self._number = number

    def reserve_file(self, size: int) -> None:
        """Wait until a file of this size may be read. Raises UnreadableImage if it exceeds the cap."""
        self._reserve(size, is_file=True)

    def reserve(self, size: int) -> None:
        """Wait until a picture that needs `size` bytes, with its file, may be decoded. Raises like `reserve_file`."""
        self._reserve(size, is_file=False)

    def give_back(self) -> None:
        """Return this picture's memory to the system, then to the budget."""
        if self._has_asked:
            self._has_asked = False
            gc.collect()
            # The allocator would otherwise keep the freed blocks, in addition to what the next worker gets.
            with contextlib.suppress(AttributeError, OSError):  # some C libraries lack malloc_trim
                ctypes.CDLL(None).malloc_trim(0)
            self._send(Ask(self._number, 0))

    def _reserve(self, size: int, is_file: bool) -> None:
        if size <= FREE_BYTES and not self._has_asked:
            return
        self._has_asked = True
        answer = self._send(Ask(self._number, size, is_file))
        self.is_last = self.is_last or answer.is_last
        if answer.reason:
            raise UnreadableImage(answer.reason, may_pass=True)

    def _send(self, ask: Ask) -> Answer:
        self._connection.send(ask)
        answer: Answer = self._connection.recv()
        return answer
