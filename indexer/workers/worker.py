"""Processes that read, hash and decode files on all cores, and that may die without harm.

Processes, since a picture that crashes its decoder takes a process with it, and since threads reach only 0.9 of their
speed on small pictures. Each is a bare interpreter on one end of a socket: it imports nothing of the program that
started it, a Ctrl-C in the terminal does not reach it, and it ends when its parent does, however that ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.framing import Framing
from indexer.workers.budget import Answer, Ask, Budget
from indexer.workers.interpreters import take_interpreter
from indexer.workers.tasks import DecodedChunk, FileTask, Job

# A picture that takes this much takes a second or so: the rest of its chunk does not wait for it.
LARGE_BYTES = 128_000_000
SECONDS_TO_START, SECONDS_TO_DIE = 60.0, 2.0
# A process that took longer than it may, and this share of that time on a core, was not waiting for a drive.
BUSY = 0.5


class OutOfTime(TimeoutError):
    """A worker took longer than it may. is_busy: since it computed, not since it waited."""

    def __init__(self, is_busy: bool = False) -> None:
        super().__init__()
        self.is_busy = is_busy


class Worker:
    """One process that decodes a chunk at a time, or does a task with it.

    work: what it frames pictures to, or the task. budget: gives it memory for large pictures; None for as much as they
    take. hand_back: gets the items behind one that takes long, which are left to others. kept: the items of the last
    chunk without these.
    """

    def __init__(
        self,
        work: Framing | FileTask[Any, Any],
        budget: Budget | None = None,
        hand_back: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self._work = work
        self._budget = budget
        self._hand_back = hand_back
        self.kept: list[Any] = []
        self._is_ready = False
        self._start()

    def decode(self, jobs: list[Job], seconds: float | None = None) -> DecodedChunk:
        """Decode a chunk there; the jobs that are handed back are missing in what is returned.

        Raises EOFError or OSError when the process dies of it, OutOfTime when it takes more than so many seconds, or
        more than these after it waited for memory.
        """
        outcomes, shape, taken = self._answer_to(jobs, seconds)
        pixels = np.empty(shape, np.uint8)
        _read_into(self._connection.fileno(), pixels)
        return DecodedChunk(outcomes, pixels, taken)

    def do(self, items: list[Any], seconds: float | None = None) -> list[Any]:
        """Do the task with a chunk of items there; what is missing, and what is raised, is as in `decode`."""
        results: list[Any] = self._answer_to(items, seconds)
        return results

    def _answer_to(self, items: list[Any], seconds: float | None) -> Any:
        self.kept = list(items)
        self._wait_until_ready()
        self._connection.send(items)
        while isinstance(answer := self._receive(seconds), Ask):
            self._connection.send(self._allow(answer))
        return answer

    def _receive(self, seconds: float | None) -> Any:
        before = _seconds_of_core(self._process.pid)
        if not self._connection.poll(seconds):
            raise OutOfTime(_seconds_of_core(self._process.pid) - before > BUSY * (seconds or 0))
        return self._connection.recv()

    def _allow(self, ask: Ask) -> Answer:
        """Wait until the memory is there that a picture needs; meanwhile, and while a large one is decoded, others take
        the rest of its chunk."""
        if self._budget is None:
            return Answer()
        if ask.size == 0:
            self._budget.give_back(self)
            return Answer()

        def leave_rest() -> None:
            if self._hand_back and len(self.kept) > ask.number + 1:
                rest = self.kept[ask.number + 1 :]
                del self.kept[ask.number + 1 :]
                self._hand_back(rest)

        if ask.size >= LARGE_BYTES:
            leave_rest()
        reason = self._budget.take(self, ask.size, ask.is_file, leave_rest)
        return Answer(reason, is_last=len(self.kept) == ask.number + 1)

    def _wait_until_ready(self) -> None:
        """On a busy machine an interpreter takes its time to start, which is not the file's fault."""
        if not self._is_ready:
            if not self._connection.poll(SECONDS_TO_START):
                raise OutOfTime
            self._connection.recv()
            self._is_ready = True

    def restart(self) -> str:
        """Replace a process that has died, or does not answer. Returns what the old one died of."""
        self._connection.close()
        code = self._end()
        if self._budget:
            self._budget.give_back(self)
        self._start()
        if code is None:
            return "it cannot be ended"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._end()
        if self._budget:
            self._budget.give_back(self)
        self._connection.close()

    def _end(self) -> int | None:
        """The exit code of a process that has died or is killed now; None where the system cannot end it."""
        try:
            return self._process.wait(SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        try:
            return self._process.wait(SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:  # it waits for a drive, which no signal interrupts
            return None

    def _start(self) -> None:
        self._process, ours = take_interpreter()
        self._connection = Connection(ours.detach())
        self._connection.send(self._work)
        self._is_ready = False


def _seconds_of_core(process: int) -> float:
    """How long a process has computed; 0 where the system does not say so as Linux does."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_into(descriptor: int, pixels: NDArray[np.uint8]) -> None:
    """Fill an array from a socket. The connection's own way copies every byte twice more. Raises EOFError."""
    left = pixels.reshape(-1).data
    while left:
        count = os.readv(descriptor, [left])
        if not count:
            raise EOFError
        left = left[count:]
