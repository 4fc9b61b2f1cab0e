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
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.decode import Framing, decode_bytes, read_file
from indexer.errors import UnreadableImage
from indexer.fingerprint import Fingerprint
from indexer.spawning import take_interpreter

Item = TypeVar("Item")
Result = TypeVar("Result")

NO_PIXELS = -1
SECONDS_TO_START, SECONDS_TO_DIE = 60.0, 2.0


class Job(NamedTuple):
    """A file to decode, as it was found.

    known: SHA-256 of contents that need no decoding, since their codes are there.
    """

    path: str
    size: int
    mtime_ns: int
    known: tuple[bytes, ...] = ()


class Outcome(NamedTuple):
    """What became of a job.

    reason: why the file cannot be used, else empty. digest: SHA-256 of its content. width, height: of the upright
    picture. row: of its pixels, NO_PIXELS where the content is known or the file cannot be used. fingerprint: where it
    has pixels.
    """

    job: Job
    reason: str
    digest: bytes = b""
    width: int = 0
    height: int = 0
    row: int = NO_PIXELS
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True)
class DecodedChunk:
    """A chunk of files, decoded: outcomes, pixels uint8 (n, h, w, 3) for n of them, and the seconds that it took."""

    outcomes: list[Outcome]
    pixels: NDArray[np.uint8]
    seconds: float


def decode_chunk(jobs: list[Job], framing: Framing) -> DecodedChunk:
    """Read, hash and decode files, here and now."""
    start = time.perf_counter()
    pixels = np.empty((len(jobs), framing.height, framing.width, 3), np.uint8)
    outcomes: list[Outcome] = []
    used = 0
    for job in jobs:
        outcome = _decode_one(job, framing, pixels, used)
        used += outcome.row != NO_PIXELS
        outcomes.append(outcome)
    return DecodedChunk(outcomes, pixels[:used], time.perf_counter() - start)


def _decode_one(job: Job, framing: Framing, pixels: NDArray[np.uint8], row: int) -> Outcome:
    digest = b""
    try:
        content = read_file(job.path)
        digest = hashlib.sha256(content).digest()
        if digest in job.known:
            return Outcome(job, "", digest)
        decoded = decode_bytes(content, framing)
    except UnreadableImage as error:
        return Outcome(job, str(error), digest)
    pixels[row] = decoded.pixels
    return Outcome(job, "", digest, decoded.width, decoded.height, row, decoded.fingerprint)


class FileTask(ABC, Generic[Item, Result]):
    """What else workers do with files; it, its items and its results are pickled on their way."""

    @abstractmethod
    def do(self, item: Item) -> Result:
        """Do it, in a worker. What cannot be done is told in the result, not raised."""

    @abstractmethod
    def failed(self, item: Item, reason: str) -> Result:
        """The result of an item that killed or stalled its worker."""


class Worker:
    """One process that decodes a chunk at a time, or does a task with it."""

    def __init__(self, work: Framing | FileTask[Any, Any]) -> None:
        self._work = work
        self._is_ready = False
        self._start()

    def decode(self, jobs: list[Job], seconds: float | None = None) -> DecodedChunk:
        """Decode a chunk there.

        Raises EOFError or OSError when the process dies of it, TimeoutError when it takes more than so many seconds.
        """
        self._wait_until_ready()
        self._connection.send(jobs)
        if not self._connection.poll(seconds):
            raise TimeoutError
        outcomes, shape, seconds = self._connection.recv()
        pixels = np.empty(shape, np.uint8)
        _read_into(self._connection.fileno(), pixels)
        return DecodedChunk(outcomes, pixels, seconds)

    def do(self, items: list[Any], seconds: float | None = None) -> list[Any]:
        """Do the task with a chunk of items there; raises as `decode` does."""
        self._wait_until_ready()
        self._connection.send(items)
        if not self._connection.poll(seconds):
            raise TimeoutError
        results: list[Any] = self._connection.recv()
        return results

    def _wait_until_ready(self) -> None:
        """On a busy machine an interpreter takes its time to start, which is not the file's fault."""
        if not self._is_ready:
            if not self._connection.poll(SECONDS_TO_START):
                raise TimeoutError
            self._connection.recv()
            self._is_ready = True

    def restart(self) -> str:
        """Replace a process that has died, or does not answer. Returns what the old one died of."""
        self._connection.close()
        code = self._end()
        self._start()
        if code is None:
            return "it cannot be ended"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._end()
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
    with contextlib.suppress(EOFError, OSError):
        work = connection.recv()
        connection.send("ready")
        while isinstance(work, FileTask):
            connection.send([work.do(item) for item in connection.recv()])
        while True:
            decoded = decode_chunk(connection.recv(), work)
            connection.send((decoded.outcomes, decoded.pixels.shape, decoded.seconds))
            _write_all(connection.fileno(), decoded.pixels)


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
