"""What workers are asked and what they answer: files to decode, or a task of another kind with files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.workers.budget import Share

Item = TypeVar("Item")
Result = TypeVar("Result")

# An indexer.decoding.fingerprint.Fingerprint as a plain tuple: to unpickle it takes no import.
PlainFingerprint = tuple[bytes, bytes, bytes | None]
# The row of what has no pixels.
NO_PIXELS = -1
# A chunk goes to a worker at once: enough files to hide the way there, few enough bytes to be back soon.
CHUNK_FILES = 64
CHUNK_BYTES = 4_000_000


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
    fingerprint: PlainFingerprint | None = None
    incomplete: bool = False
    may_pass: bool = False


@dataclass(frozen=True)
class DecodedChunk:
    """A chunk of files, decoded: outcomes, pixels uint8 (n, h, w, 3) for n of them, and the seconds that it took."""

    outcomes: list[Outcome]
    pixels: NDArray[np.uint8]
    seconds: float


class FileTask(ABC, Generic[Item, Result]):
    """What else workers do with files; it, its items and its results are pickled on their way."""

    @abstractmethod
    def do(self, item: Item, share: Share) -> Result:
        """Do it, in a worker; share: to be asked for memory. What cannot be done is said in the result, not raised."""

    @abstractmethod
    def failed(self, item: Item, reason: str) -> Result:
        """The result of an item that killed or stalled its worker."""


def in_chunks(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs some at a time, as many as go to a worker at once.

    A job that may kill its process again goes in a chunk of its own kind, or the others would be decoded twice.
    """
    sound, suspect = _Chunk(), _Chunk()
    for job in jobs:
        chunk = suspect if job.again else sound
        if chunk.is_full_for(job):
            yield chunk.take()
        chunk.add(job)
    yield from (chunk.take() for chunk in (sound, suspect) if chunk.jobs)


class _Chunk:
    """Jobs that go to a worker at once, while they are put together."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._size = 0

    def is_full_for(self, job: Job) -> bool:
        """Whether one more would be too many."""
        return bool(self.jobs) and (len(self.jobs) == CHUNK_FILES or self._size + job.size > CHUNK_BYTES)

    def add(self, job: Job) -> None:
        self.jobs.append(job)
        self._size += job.size

    def take(self) -> list[Job]:
        """The jobs, which are forgotten here."""
        taken, self.jobs, self._size = self.jobs, [], 0
        return taken
