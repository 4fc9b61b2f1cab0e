"""Files -> chunks of files, each of which goes to a worker at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from indexer.workers.decode_worker import Job

if TYPE_CHECKING:
    pass


# A chunk goes to a worker at once: enough files to hide the way there, few enough bytes to be back soon.
CHUNK_FILES = 64


CHUNK_BYTES = 4_000_000


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
