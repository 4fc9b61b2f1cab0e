"""The parent's side of worker processes, which read, hash and decode files and may die without harm.

Workers are processes, because a picture that crashes its decoder takes its process down, and because threads decode
small pictures at only 0.9 times the speed. Each is a bare interpreter at the end of a socket. It imports nothing from
the program that started it, does not receive Ctrl-C from the terminal, and exits when its parent does, however that
happens.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.framing import Framing
from indexer.workers.budget import Answer, Ask, Budget
from indexer.workers.tasks import DecodedChunk, FileTask, Job

# Decoding a picture that needs this many bytes takes about a second, so the rest of its chunk goes to other workers.
LARGE_BYTES = 128_000_000
SECONDS_TO_START, SECONDS_TO_DIE = 60.0, 2.0
# A worker that timed out was computing, not waiting for a drive, if it used more than this share of the time on a core.
BUSY = 0.5


class Interpreter(NamedTuple):
    """A process that will become a worker, and our end of the socket to it."""

    process: subprocess.Popen[bytes]
    ours: socket.socket


def start_interpreter() -> Interpreter:
    """Start an interpreter that imports what workers need and waits for a task at the other end of its socket."""
    ours, theirs = socket.socketpair()
    # Pass on our module search path, so that workers import the same modules however this program was started.
    serve = f"from indexer.workers.serve import serve; serve({theirs.fileno()})"
    code = f"import sys; sys.path[:] = {sys.path!r}; {serve}"
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    return Interpreter(process, ours)


class OutOfTime(TimeoutError):
    """A worker exceeded its time limit; is_busy: whether it was computing, not waiting for a drive."""

    def __init__(self, is_busy: bool = False) -> None:
        super().__init__()
        self.is_busy = is_busy


class Worker:
    """One worker process, which decodes chunks of files or runs a task on chunks of items.

    work: the framing of decoded pictures, or the task. budget: grants memory for large pictures; None grants
    everything. hand_back: receives the items after a slow one, for other workers. kept: the items of the current chunk
    that were not handed back.
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
        """Decode a chunk in the worker; the result lacks jobs that were handed back.

        Raises EOFError or OSError if the process dies, OutOfTime if it takes more than `seconds`, counted anew after
        each wait for memory.
        """
        outcomes, shape, taken, face_shape, face_seconds = self._answer_to(jobs, seconds)
        pixels, faces = np.empty(shape, np.uint8), np.empty(face_shape, np.uint8)
        _read_into(self._connection.fileno(), pixels)
        _read_into(self._connection.fileno(), faces)
        return DecodedChunk(outcomes, pixels, taken, faces, face_seconds)

    def do(self, items: list[Any], seconds: float | None = None) -> list[Any]:
        """Run the task on a chunk in the worker. Missing results and errors are as in `decode`."""
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
        """Wait for a picture's memory; before a wait or a large picture, hand back the rest of its chunk."""
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
        """Wait for the interpreter to start; on a busy machine this takes long, and must not count against a file."""
        if not self._is_ready:
            if not self._connection.poll(SECONDS_TO_START):
                raise OutOfTime
            self._connection.recv()
            self._is_ready = True

    def restart(self) -> str:
        """Replace a process that has died or does not answer; return the signal or exit code that ended the old one."""
        self._connection.close()
        code = self._end()
        if self._budget:
            self._budget.give_back(self)
        self._start()
        if code is None:
            return "it cannot be ended"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def end(self) -> None:
        """Kill the process, whatever it is doing."""
        self._process.kill()
        self._end()
        if self._budget:
            self._budget.give_back(self)
        self._connection.close()

    def _end(self) -> int | None:
        """Wait for the process to exit, killing it if needed; return its exit code, None if it cannot be killed."""
        try:
            return self._process.wait(SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        try:
            return self._process.wait(SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:  # blocked by a drive, which signals do not interrupt
            return None

    def _start(self) -> None:
        self._process, ours = start_interpreter()
        self._connection = Connection(ours.detach())
        # A process that has died already is noticed when it does not say that it is ready.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(self._work)
        self._is_ready = False


def _seconds_of_core(process: int) -> float:
    """Return how many seconds a process has used on a core; 0 on systems without Linux's /proc."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_into(descriptor: int, pixels: NDArray[np.uint8]) -> None:
    """Fill an array from a socket, which saves two copies compared with Connection.recv. Raises EOFError."""
    left = pixels.reshape(-1).data
    while left:
        count = os.readv(descriptor, [left])
        if not count:
            raise EOFError
        left = left[count:]
