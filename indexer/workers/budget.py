"""The memory of a run, shared out to the workers that decode: they take turns, first come, first served."""

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

# What each worker may take without asking: the budget has it set aside. A drafted photograph takes some MB.
FREE_BYTES = 16_000_000
# Set aside for this process: imports, a network, pictures on their way; counted as it is where it has more, such as
# 240 MB while two threads encode by the encoder that ships.
MAIN_BYTES = 200_000_000
# Pages of program files that are mapped, which count too.
PROGRAM_BYTES = 50_000_000
# Set aside for each worker: an interpreter with Pillow (38 MB), and what it takes without asking.
WORKER_BYTES = 40_000_000 + FREE_BYTES
# This process's own memory shrinks without a word to us: how often those that wait look again, and for how long where
# nobody else has anything that could be given back.
SECONDS_BETWEEN_LOOKS, SECONDS_OF_PATIENCE = 0.5, 10.0


class Closed(Exception):
    """Nobody needs what was asked for any more."""


def workers_within(cap: int, wanted: int) -> int:
    """How many workers to start: the wanted number, or fewer, so that most of the cap is left to large pictures."""
    return max(1, min(wanted, (cap // 3 - MAIN_BYTES) // WORKER_BYTES))


class Budget:
    """Keeps the memory of this process and its workers below a cap, by having those wait that ask for much.

    A worker has at most one picture. It may ask for the file's bytes first, and for the rest once it has read them:
    then it goes before all others, and only one at a time may be at that point, or two could wait for each other.
    """

    def __init__(self, cap: int, workers: int) -> None:
        self._cap = cap
        self._apart = MAIN_BYTES + workers * WORKER_BYTES
        self._changed = threading.Condition()
        self._held: dict[object, int] = {}
        self._line: deque[object] = deque()
        self._reader: object = None
        self._is_closed = False

    def take(self, holder: object, size: int, is_file: bool, before_waiting: Callable[[], None]) -> str:
        """Wait until the holder may have this many bytes in all. Returns why it never will, or "".

        is_file: whether the holder will ask for more. before_waiting: called where it has to wait. Raises Closed.
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
        """Free what a worker has, if anything."""
        with self._changed:
            self._held.pop(holder, None)
            if self._reader is holder:
                self._reader = None
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_turn_of(self, holder: object, is_file: bool) -> bool:
        return self._line[0] is holder and (not is_file or self._reader is None)


def own_bytes() -> int:
    """This process's own memory that is resident, in bytes; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


class Ask(NamedTuple):
    """Memory for the picture at this place of its chunk: bytes in all, 0 when it has been given back.

    is_file: whether these are its file's alone, and it will ask for more once it has seen what is in it.
    """

    number: int
    size: int
    is_file: bool = False


class Answer(NamedTuple):
    """reason: why there will never be so much, else empty. is_last: whether others do the chunk's later pictures."""

    reason: str = ""
    is_last: bool = False


class Share:
    """What the pictures of one chunk ask for, one after another, over the connection to the parent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number = 0
        self._has_asked = False
        self.is_last = False

    def begin(self, number: int) -> None:
        """Turn to the picture at this place."""
        self._number = number

    def reserve_file(self, size: int) -> None:
        """Wait until a file of this size may be read. Raises UnreadableImage where it is too large for the cap."""
        self._reserve(size, is_file=True)

    def reserve(self, size: int) -> None:
        """Wait until a picture that takes this much, its file included, may be decoded; as `reserve_file`."""
        self._reserve(size, is_file=False)

    def give_back(self) -> None:
        """Return what this picture took to the system, then say so."""
        if self._has_asked:
            self._has_asked = False
            gc.collect()
            # The allocator would keep freed blocks for later, beside what the next in turn takes.
            with contextlib.suppress(AttributeError, OSError):  # not every C library has it
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
