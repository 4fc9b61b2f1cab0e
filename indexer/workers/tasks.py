"""The messages between the main process and workers: files to decode, or other tasks with files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.workers.budget import Share

Item = TypeVar("Item")
Result = TypeVar("Result")

# An indexer.decoding.fingerprint.Fingerprint as a plain tuple, which is unpickled without importing that module.
PlainFingerprint = tuple[bytes, bytes, bytes | None]
# An indexer.faces.detector.Face as a plain tuple: box, points, score.
PlainFace = tuple[tuple[float, ...], tuple[tuple[float, ...], ...], float]
# An indexer.facts.facts.Facts as a plain tuple, for the same reason.
PlainFacts = tuple[int | float | str | None, ...]
# The row of an outcome without pixels.
NO_PIXELS = -1
# Limits of a chunk, the unit sent to a worker: enough files to hide the transfer, few enough bytes to finish soon.
CHUNK_FILES = 64
CHUNK_BYTES = 4_000_000


class Job(NamedTuple):
    """A file to decode, as discovery found it.

    known: SHA-256 of contents that need no decoding, because the index has their codes. again: whether the file failed
    before for a cause outside it. unless_sheet: whether to skip the file if it is one of our contact sheets.
    """

    path: str
    size: int
    mtime_ns: int
    known: tuple[bytes, ...] = ()
    again: bool = False
    unless_sheet: bool = False


class Outcome(NamedTuple):
    """The result of a job.

    reason: why the file cannot be used, "" if it can. digest: SHA-256 of its content. width, height: of the upright
    picture. row: index of its pixels, NO_PIXELS if the content is known or the file unusable. fingerprint: None without
    pixels. incomplete: whether part of the picture is missing. may_pass: whether the cause lies outside the file.
    faces: the faces in the picture; None if it was not searched for any.
    facts: what the picture states about itself, None without pixels.
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
    faces: tuple[PlainFace, ...] | None = None
    facts: PlainFacts | None = None


NO_FACES: NDArray[np.uint8] = np.empty((0, 1, 1, 3), np.uint8)


@dataclass(frozen=True)
class DecodedChunk:
    """A decoded chunk: outcomes, pixels uint8 (n, h, w, 3) for n of them, and the seconds that decoding took.

    faces: pixels of the outcomes' faces, in their order, uint8 (m, h, w, 3). face_seconds: how long finding them took,
    which `seconds` leaves out.
    """

    outcomes: list[Outcome]
    pixels: NDArray[np.uint8]
    seconds: float
    faces: NDArray[np.uint8] = field(default_factory=lambda: NO_FACES)
    face_seconds: float = 0.0


class FileTask(ABC, Generic[Item, Result]):
    """A task other than decoding that workers can run. The task, its items and its results are pickled."""

    @abstractmethod
    def do(self, item: Item, share: Share) -> Result:
        """Process an item in a worker, asking `share` for memory. Report failures in the result; do not raise."""

    @abstractmethod
    def failed(self, item: Item, reason: str) -> Result:
        """Return the result for an item that killed or stalled its worker."""


def in_chunks(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Group jobs into chunks for workers.

    Jobs that failed before are kept apart: if one kills its worker again, the rest of its chunk is decoded twice.
    """
    sound, suspect = _Chunk(), _Chunk()
    for job in jobs:
        chunk = suspect if job.again else sound
        if chunk.is_full_for(job):
            yield chunk.take()
        chunk.add(job)
    yield from (chunk.take() for chunk in (sound, suspect) if chunk.jobs)


class _Chunk:
    """A chunk of jobs under construction."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._size = 0

    def is_full_for(self, job: Job) -> bool:
        """Return whether the chunk has no room for this job."""
        return bool(self.jobs) and (len(self.jobs) == CHUNK_FILES or self._size + job.size > CHUNK_BYTES)

    def add(self, job: Job) -> None:
        self.jobs.append(job)
        self._size += job.size

    def take(self) -> list[Job]:
        """Return the jobs and empty the chunk."""
        taken, self.jobs, self._size = self.jobs, [], 0
        return taken
