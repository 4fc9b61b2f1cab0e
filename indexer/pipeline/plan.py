"""Compares the files found with the catalogue, and determines which must be decoded.

This module does not import the catalogue, so that a first run can start decoding before a catalogue exists.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from indexer.encoders.framing import Framing
from indexer.files.discover import Found, Problem
from indexer.files.passed import Passed
from indexer.numbers import FIRST_ID
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import DecodedChunk, Job, in_chunks

if TYPE_CHECKING:
    from indexer.catalog.failures import Failure
    from indexer.catalog.images import ImageRecord
    from indexer.pipeline.catalog_lookup import CatalogLookup

# Files per query to the catalogue.
ASKED_AT_ONCE = 256
# Items compared with a PathSet at a time.
COMPARED_AT_ONCE = 10_000

Item = TypeVar("Item")


class Plan:
    """Passes over the files found, once, and separates files to decode from unchanged ones.

    known: lookups in the catalogue, None for an empty one. before: the first id that this run assigns. retry_failed:
    also decode files that failed before, whatever the reason. rehash: read every file, even if size and time are
    unchanged. seen: all paths so far, at eight bytes each. problems: unusable paths; recovered: paths of unchanged
    images that had a failure; both until they are taken. hidden: paths that cannot be seen now. passed: counts of
    skipped files, kept by the walk.
    """

    def __init__(
        self,
        known: CatalogLookup | None = None,
        passed: Passed | None = None,
        *,
        retry_failed: bool = False,
        rehash: bool = False,
    ) -> None:
        self.passed = passed or Passed()
        self._known = known
        self._retry_failed, self._rehash = retry_failed or rehash, rehash
        self.before = known.before if known else FIRST_ID
        self.seen = PathSet()
        self.problems: deque[Problem] = deque()
        self.recovered: deque[str] = deque()
        self.hidden: list[str] = []
        self.found = self.unchanged = self.still_failing = 0
        self.seconds = 0.0

    def take_problems(self) -> list[Problem]:
        """Remove and return the pending problems."""
        return [self.problems.popleft() for _ in range(len(self.problems))]

    def take_recovered(self) -> list[str]:
        """Remove and return the pending paths whose failures no longer apply."""
        return [self.recovered.popleft() for _ in range(len(self.recovered))]

    def note_unreadable(self) -> None:
        """Mark files as seen that may be pictures but cannot be read now, so that they do not count as vanished."""
        for path in self.passed.unreadable:
            self.seen.add(path)

    def chunks(self, files: Iterable[Found | Problem], ended: threading.Event) -> Iterator[list[Job]]:
        """Yield chunks of files to decode, until `ended` is set."""
        start = time.perf_counter()
        for chunk in in_chunks(self._jobs(files, ended)):
            self.seconds += time.perf_counter() - start
            yield chunk
            start = time.perf_counter()
        self.seconds += time.perf_counter() - start

    def _jobs(self, files: Iterable[Found | Problem], ended: threading.Event) -> Iterator[Job]:
        files = iter(files)
        while some := list(islice(files, ASKED_AT_ONCE)):
            yield from filter(None, self._look_at_some(some))
            if ended.is_set():
                return

    def _look_at_some(self, files: list[Found | Problem]) -> list[Job | None]:
        if self._known is None:
            return [self._look_at(file, None, None) for file in files]
        paths = [file.path for file in files]
        images, failures = self._known.images_at(paths), self._known.failures_at(paths)
        unsearched = self._known.unsearched(images.values())
        jobs = [self._look_at(file, images.get(file.path), failures.get(file.path), unsearched) for file in files]
        self._known.look_again()
        return jobs

    def _look_at(
        self,
        file: Found | Problem,
        image: ImageRecord | None,
        failure: Failure | None,
        unsearched: Collection[int] = (),
    ) -> Job | None:
        """Return the job for a file, None if it need not be decoded; unsearched: images to search for faces."""
        self.found += 1
        self.seen.add(file.path)
        if isinstance(file, Problem):
            self.problems.append(file)
            self.hidden += [file.path] if file.is_hidden else []
            return None
        now = (file.size, file.mtime_ns)
        is_searched = image is None or image.id not in unsearched
        if image is not None and (image.size, image.mtime_ns) == now and is_searched and not self._rehash:
            self.unchanged += 1
            self.recovered += [file.path] if failure is not None else []
            return None
        if image is None and failure is not None and self._is_lasting(failure, now):
            self.still_failing += 1
            return None
        contents = self._known.contents_of_size(file.size) if self._known else ()
        if image is not None and image.size == file.size and is_searched and image.digest not in contents:
            contents = (image.digest, *contents)
        is_again = failure is not None and failure.may_pass
        return Job(file.path, file.size, file.mtime_ns, contents, is_again, unless_sheet=not file.is_asked_for)

    def _is_lasting(self, failure: Failure, now: tuple[int, int]) -> bool:
        """Return whether a file would fail again: neither it nor the decoders have changed."""
        if self._retry_failed or failure.may_pass:
            return False
        from indexer.decoding.version import decoder_version

        return (failure.size, failure.mtime_ns) == now and failure.decoder == decoder_version()


class Count(threading.Thread):
    """Counts files ahead of the plan, for estimates of the time left. total is None until counting has finished."""

    def __init__(self, files: Iterable[object]) -> None:
        super().__init__(daemon=True)
        self.total: int | None = None
        self._files = files

    def run(self) -> None:
        """Count the files."""
        self.total = sum(1 for _ in self._files)


class PathSet:
    """A set of paths, stored as 64-bit hashes. Among a million paths, the chance of a collision is 1 in 40 million."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._gone: set[int] = set()

    def add(self, path: str) -> None:
        """Add a path."""
        self._hashes.append(hash(path))

    def forget(self, path: str) -> None:
        """Remove a path."""
        self._gone.add(hash(path))

    def unseen(self, items: Iterable[Item], path_of: Callable[[Item], str]) -> Iterator[Item]:
        """Yield the items whose paths are not in the set."""
        seen = np.sort(np.frombuffer(self._hashes, np.int64))
        if self._gone:
            seen = seen[~np.isin(seen, list(self._gone))]
        items = iter(items)
        while some := list(islice(items, COMPARED_AT_ONCE)):
            hashes = np.array([hash(path_of(item)) for item in some])
            places = np.minimum(np.searchsorted(seen, hashes), max(len(seen) - 1, 0))
            there = seen[places] == hashes if len(seen) else np.zeros(len(some), np.bool_)
            yield from (item for item, is_there in zip(some, there, strict=True) if not is_there)


class Reading:
    """A plan together with the workers that decode its files; they run inside the `with` block.

    plan: by default, one for an empty catalogue. framing: that of the pictures. began: time.perf_counter() at the
    start. memory: see DecodingPool.
    """

    def __init__(
        self, files: Iterable[Found | Problem], framing: Framing, plan: Plan | None = None, memory: int | None = None
    ) -> None:
        self.began = time.perf_counter()
        self.plan = plan or Plan()
        self.framing = framing
        self._ended = threading.Event()
        self._pool = DecodingPool(framing, self.plan.chunks(files, self._ended), memory=memory)

    def __enter__(self) -> Self:
        self._pool.__enter__()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._pool.__exit__(error_type, error, trace)

    def results(self) -> Iterator[DecodedChunk | None]:
        """Yield decoded chunks, and None while none is ready."""
        return self._pool.results()
