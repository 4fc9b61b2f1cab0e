"""Processes that read, hash and decode files on all cores, and that may die without harm.

Processes, since a picture that crashes its decoder takes a process with it, and since threads reach only 0.9 of their
speed on small pictures. Each is a bare interpreter on one end of a socket: it imports nothing of the program that
started it, a Ctrl-C in the terminal does not reach it, and it ends when its parent does, however that ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes, read_file
from indexer.decoding.fingerprint import Fingerprint
from indexer.decoding.framing import Framing
from indexer.decoding.opened import silence
from indexer.errors import UnreadableImage
from indexer.files import sheets
from indexer.workers.budget import Budget
from indexer.workers.interpreters import take_interpreter
from indexer.workers.memory_share import Answer, Ask, Share
from indexer.workers.second_look import look_again

Item = TypeVar("Item")
Result = TypeVar("Result")

NO_PIXELS = -1
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


class Job(NamedTuple):
    """A file to decode, as it was found.

    known: SHA-256 of contents that need no decoding, since their codes are there. again: whether an earlier run could
    not use it, for circumstances that may have passed. unless_sheet: whether one of the program's own sheets is passed
    over.
    """

    path: str
    size: int
    mtime_ns: int
    known: tuple[bytes, ...] = ()
    again: bool = False
    unless_sheet: bool = False


class Outcome(NamedTuple):
    """What became of a job.

    reason: why the file cannot be used, else empty. digest: SHA-256 of its content. width, height: of the upright
    picture. row: of its pixels, NO_PIXELS where the content is known or the file cannot be used. fingerprint: where it
    has pixels. incomplete: whether a part of it is missing. may_pass: whether circumstances are the reason, not the
    content of the file.
    """

    job: Job
    reason: str
    digest: bytes = b""
    width: int = 0
    height: int = 0
    row: int = NO_PIXELS
    fingerprint: Fingerprint | None = None
    incomplete: bool = False
    may_pass: bool = False


@dataclass(frozen=True)
class DecodedChunk:
    """A chunk of files, decoded: outcomes, pixels uint8 (n, h, w, 3) for n of them, and the seconds that it took."""

    outcomes: list[Outcome]
    pixels: NDArray[np.uint8]
    seconds: float


def decode_chunk(jobs: list[Job], framing: Framing, share: Share) -> DecodedChunk:
    """Read, hash and decode files, here and now, up to one after which the share says that others do the rest."""
    start = time.perf_counter()
    pixels = np.empty((len(jobs), framing.height, framing.width, 3), np.uint8)
    outcomes: list[Outcome] = []
    used = 0
    for place, job in enumerate(jobs):
        share.begin(place)
        outcome = _decode_one(job, framing, pixels, used, share)
        share.give_back()
        used += outcome.row != NO_PIXELS
        outcomes.append(outcome)
        if share.is_last:
            break
    return DecodedChunk(outcomes, pixels[:used], time.perf_counter() - start)


def _decode_one(job: Job, framing: Framing, pixels: NDArray[np.uint8], row: int, share: Share) -> Outcome:
    digest = b""
    try:
        if job.again:
            look_again(job.path)
        share.reserve_file(job.size)
        content = read_file(job.path)
        if job.unless_sheet and sheets.is_sheet(content):
            return Outcome(job, sheets.REASON)
        digest = hashlib.sha256(content).digest()
        if digest in job.known:
            return Outcome(job, "", digest)
        decoded = decode_bytes(content, framing, share.reserve)
    except UnreadableImage as error:
        return Outcome(job, str(error), digest, may_pass=error.may_pass)
    except MemoryError:
        return Outcome(job, "not enough memory to read it", digest, may_pass=True)
    pixels[row] = decoded.pixels
    size = decoded.width, decoded.height
    return Outcome(job, "", digest, *size, row, decoded.fingerprint, decoded.incomplete)


class FileTask(ABC, Generic[Item, Result]):
    """What else workers do with files; it, its items and its results are pickled on their way."""

    @abstractmethod
    def do(self, item: Item, share: Share) -> Result:
        """Do it, in a worker; share: to be asked for memory. What cannot be done is said in the result, not raised."""

    @abstractmethod
    def failed(self, item: Item, reason: str) -> Result:
        """The result of an item that killed or stalled its worker."""


def do_chunk(task: FileTask[Item, Result], items: list[Item], share: Share) -> list[Result]:
    """Do a task with items, here and now, up to one after which the share says that others do the rest."""
    results: list[Result] = []
    for place, item in enumerate(items):
        share.begin(place)
        try:
            results.append(task.do(item, share))
        except MemoryError:
            results.append(task.failed(item, "not enough memory to look at it"))
        share.give_back()
        if share.is_last:
            break
    return results


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
            if self._hand_back and len(self.kept) > ask.place + 1:
                rest = self.kept[ask.place + 1 :]
                del self.kept[ask.place + 1 :]
                self._hand_back(rest)

        if ask.size >= LARGE_BYTES:
            leave_rest()
        reason = self._budget.take(self, ask.size, ask.is_file, leave_rest)
        return Answer(reason, is_last=len(self.kept) == ask.place + 1)

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


def serve(descriptor: int) -> None:
    """Be a worker on that socket until it closes."""
    connection = Connection(descriptor)
    # Once for all pictures: to set the filters of warnings for each takes 3 % of the time to decode a small one.
    with silence, contextlib.suppress(EOFError, OSError):
        work = connection.recv()
        connection.send("ready")
        while isinstance(work, FileTask):
            connection.send(do_chunk(work, connection.recv(), Share(connection)))
        while True:
            decoded = decode_chunk(connection.recv(), work, Share(connection))
            connection.send((decoded.outcomes, decoded.pixels.shape, decoded.seconds))
            _write_all(connection.fileno(), decoded.pixels)


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


def _write_all(descriptor: int, pixels: NDArray[np.uint8]) -> None:
    left = pixels.reshape(-1).data
    while left:
        left = left[os.write(descriptor, left) :]
