"""A worker's side of the memory budget: it asks before it takes much, and says when it has given it back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from multiprocessing.connection import Connection
from typing import NamedTuple

from indexer.errors import UnreadableImage

# What each worker may take without asking: the budget has it set aside. A drafted photograph takes some MB.
FREE_BYTES = 16_000_000


class Ask(NamedTuple):
    """Memory for the picture at this place of its chunk: bytes in all, 0 when it has been given back.

    is_file: whether these are its file's alone, and it will ask for more once it has seen what is in it.
    """

    place: int
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
        self._place = 0
        self._has_asked = False
        self.is_last = False

    def begin(self, place: int) -> None:
        """Turn to the picture at this place."""
        self._place = place

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
            self._send(Ask(self._place, 0))

    def _reserve(self, size: int, is_file: bool) -> None:
        if size <= FREE_BYTES and not self._has_asked:
            return
        self._has_asked = True
        answer = self._send(Ask(self._place, size, is_file))
        self.is_last = self.is_last or answer.is_last
        if answer.reason:
            raise UnreadableImage(answer.reason, may_pass=True)

    def _send(self, ask: Ask) -> Answer:
        self._connection.send(ask)
        answer: Answer = self._connection.recv()
        return answer
