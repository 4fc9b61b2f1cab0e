"""Stores encoded chunks as codes and catalogue rows, and commits every few seconds."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
from indexer.files.discover import Problem
from indexer.files.passed import OWN_SHEETS, SHEET_REASON
from indexer.index.writer import IndexWriter
from indexer.numbers import clamp_seconds
from indexer.pipeline.encoding import NO_CODE, EncodedChunk
from indexer.pipeline.labels import LabelStore
from indexer.pipeline.plan import Plan
from indexer.workers.tasks import NO_PIXELS, Job, Outcome, PlainFacts, PlainFingerprint

if TYPE_CHECKING:
    from indexer.pipeline.faces import FaceStore

# The most work, in seconds, that a killed run loses.
SECONDS_BETWEEN_COMMITS = 2.0
# Images with identical content that are checked per query.
TWINS_AT_ONCE = 16


@dataclass
class Changes:
    """The changes of one chunk to the catalogue, applied in this order."""

    removed: list[int] = field(default_factory=list)
    touched: list[tuple[int, Job]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    moved: list[tuple[int, Job]] = field(default_factory=list)
    added: list[ImageRecord] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    fingerprints: list[tuple[int, PlainFingerprint]] = field(default_factory=list)
    facts: list[tuple[int, PlainFacts]] = field(default_factory=list)
    faces: list[tuple[int, Outcome]] = field(default_factory=list)
    # New images and images with the same content, whose fingerprints, facts and faces they get.
    copied: list[tuple[int, int]] = field(default_factory=list)

    def concern(self, image_id: int) -> bool:
        """Return whether an existing image is removed or moved by these changes."""
        return image_id in self.removed or any(image_id == moved for moved, _ in self.moved)


class Store:
    """Writes decoded and encoded files to an index, and reuses the codes of known contents.

    The counters say what became of the files: encoded or copied (either may be changed), unchanged except for their
    modification time, moved, failed (may_pass of them for causes outside the file), gone before they were read, or
    skipped as our own contact sheets. again: files that must be decoded after all, because the image with their content
    no longer exists.
    """

    def __init__(self, index: IndexWriter, plan: Plan, labels: LabelStore) -> None:
        self._index = index
        self._plan = plan
        self._labels = labels
        self._next_id = index.catalog.images.next_id()
        self.faces = _face_store(index)
        self._looked_at: dict[bytes, int] = {}
        self._committed = time.monotonic()
        self.again: list[Job] = []
        self.encoded = self.copied = self.changed = self.unchanged = self.moved = 0
        self.failed = self.may_pass = self.gone = self.sheets = 0
        self.decode_seconds = self.encode_seconds = self.store_seconds = 0.0

    @property
    def done(self) -> int:
        """The number of files that have been processed."""
        return self.encoded + self.copied + self.unchanged + self.moved + self.failed + self.sheets

    def add(self, encoded: EncodedChunk) -> None:
        """Store an encoded chunk; readers see it after the next commit."""
        start = time.perf_counter()
        decoded = encoded.decoded
        positions = self._append(encoded.codes)
        changes = Changes()
        paths = [outcome.job.path for outcome in decoded.outcomes]
        before = self._index.catalog.images.at_before(paths, self._plan.before)
        for outcome in decoded.outcomes:
            self._decide(outcome, before.get(outcome.job.path), positions, changes)
        self._write(changes)
        if self.faces is not None and encoded.faces is not None:
            self.faces.add(decoded.outcomes, encoded.faces, changes.faces)
            self.faces.copy(changes.copied)
            self.faces.seconds += decoded.face_seconds
        self.decode_seconds += decoded.seconds
        self.encode_seconds += encoded.seconds
        self.store_seconds += time.perf_counter() - start
        self.commit_in_time()

    def note(self, problems: Sequence[Problem], recovered: Sequence[str] = ()) -> None:
        """Record unusable files, and remove the failures of recovered ones.

        An unusable file's image is removed, unless the cause lies outside the file.
        """
        if recovered:
            self._index.catalog.failures.remove(recovered)
        if not problems:
            return
        self._labels.write()
        lost = [problem.path for problem in problems if not problem.is_hidden and not problem.may_pass]
        self._index.catalog.images.remove(record.id for record in self._index.catalog.images.at(lost).values())
        self._index.catalog.failures.add(
            Failure(problem.path, problem.reason, may_pass=problem.may_pass) for problem in problems
        )
        self.failed += len(problems)
        self.may_pass += sum(problem.may_pass for problem in problems)

    def take_again(self) -> list[Job]:
        """Remove and return the files that must be decoded after all."""
        taken, self.again = self.again, []
        return taken

    def commit_in_time(self) -> None:
        """Commit if the last commit was more than SECONDS_BETWEEN_COMMITS ago."""
        if time.monotonic() - self._committed >= SECONDS_BETWEEN_COMMITS:
            self.commit()

    def commit(self) -> None:
        """Commit everything that was added."""
        start = time.perf_counter()
        self._labels.write()
        self._index.commit()
        self._committed = time.monotonic()
        self.store_seconds += time.perf_counter() - start

    def _append(self, codes: NDArray[np.float32]) -> NDArray[np.int64]:
        """Append finite codes to the array; return each code's position, -1 for one that is not finite."""
        finite = np.isfinite(codes).all(axis=1)
        positions = np.full(len(codes), -1, np.int64)
        positions[finite] = self._index.append(codes[finite])
        return positions

    def _decide(
        self, outcome: Outcome, before: ImageRecord | None, positions: NDArray[np.int64], changes: Changes
    ) -> None:
        """Add the changes that an outcome requires to `changes`; before: the image now at this path, if any."""
        job = outcome.job
        if outcome.reason and _is_gone(job.path):
            self.gone += 1
            self._plan.seen.forget(job.path)
        elif outcome.reason == SHEET_REASON:
            self.sheets += 1
            self._plan.passed.counts[OWN_SHEETS] += 1
            self._plan.seen.forget(job.path)
        elif outcome.reason:
            if not outcome.may_pass:
                self._replace(before, changes)
            self._fail(outcome.reason, job, changes, outcome.may_pass)
        elif before is not None and before.digest == outcome.digest:
            self.unchanged += 1
            changes.unchanged.append(job.path)
            if (before.size, before.mtime_ns) != (job.size, job.mtime_ns):
                changes.touched.append((before.id, job))
            changes.faces.append((before.id, outcome))
        elif outcome.row == NO_PIXELS:
            self._reuse(outcome, before, changes)
        elif positions[outcome.row] < 0:
            self._replace(before, changes)
            self._fail(NO_CODE, job, changes)
        else:
            self._replace(before, changes)
            self.encoded += 1
            self.changed += before is not None
            position = int(positions[outcome.row])
            changes.added.append(self._record(outcome, outcome, position))
            changes.faces.append((changes.added[-1].id, outcome))
            if outcome.fingerprint is not None:
                changes.fingerprints.append((changes.added[-1].id, outcome.fingerprint))
            if outcome.facts is not None and any(fact is not None for fact in outcome.facts):
                changes.facts.append((changes.added[-1].id, outcome.facts))

    def _replace(self, before: ImageRecord | None, changes: Changes) -> None:
        if before is not None:
            changes.removed.append(before.id)

    def _reuse(self, outcome: Outcome, before: ImageRecord | None, changes: Changes) -> None:
        """Move an image with this content whose file is gone; otherwise copy the code of a twin."""
        catalog, job = self._index.catalog, outcome.job
        twin = next(iter(catalog.images.of_content(job.size, outcome.digest, 0, 1)), None)
        if twin is None:
            self.again.append(job._replace(known=(), again=False))
            return
        self._replace(before, changes)
        moved = self._twin_without_file(outcome, changes)
        if moved is not None:
            self.moved += 1
            changes.moved.append((moved.id, job))
            return
        self.copied += 1
        self.changed += before is not None
        (position,) = self._index.append(self._index.code_at(twin.position)[None])
        changes.added.append(self._record(outcome, twin, position))
        changes.copied.append((changes.added[-1].id, twin.id))

    def _twin_without_file(self, outcome: Outcome, changes: Changes) -> ImageRecord | None:
        """Return an image with this content whose file is gone. Twins whose files exist are checked only once."""
        size, digest = outcome.job.size, outcome.digest
        while True:
            after = self._looked_at.get(digest, 0)
            twins = self._index.catalog.images.of_content(size, digest, after, TWINS_AT_ONCE)
            for twin in twins:
                if not changes.concern(twin.id) and _is_gone(twin.path):
                    return twin
            if len(twins) < TWINS_AT_ONCE:
                return None
            self._looked_at[digest] = twins[-1].id

    def _record(self, outcome: Outcome, seen: Outcome | ImageRecord, position: int) -> ImageRecord:
        """Build a new image's record; seen: the source of width, height and incomplete."""
        job, image_id = outcome.job, self._next_id
        self._next_id += 1
        return ImageRecord(
            image_id,
            job.path,
            job.size,
            job.mtime_ns,
            outcome.digest,
            seen.width,
            seen.height,
            position,
            clamp_seconds(time.time()),
            int(seen.incomplete),
        )

    def _fail(self, reason: str, job: Job, changes: Changes, may_pass: bool = False) -> None:
        from indexer.decoding.version import decoder_version

        self.failed += 1
        self.may_pass += may_pass
        changes.failures.append(Failure(job.path, reason, job.size, job.mtime_ns, may_pass, decoder_version()))

    def _write(self, changes: Changes) -> None:
        catalog = self._index.catalog
        if changes.removed:
            self._labels.write()
        catalog.images.remove(changes.removed)
        for image_id, job in (*changes.touched, *changes.moved):
            catalog.images.relocate(image_id, job.path, job.size, job.mtime_ns)
        catalog.images.add(changes.added)
        catalog.copies.add_fingerprints(changes.fingerprints)
        if changes.facts:
            catalog.facts.add(changes.facts)
        if changes.copied:
            catalog.copies.copy_fingerprints(changes.copied)
            catalog.facts.copy(changes.copied)
        catalog.failures.add(changes.failures)
        here = [(image_id, job.path) for image_id, job in changes.moved]
        here += [(record.id, record.path) for record in changes.added]
        catalog.failures.remove([*(path for _, path in here), *changes.unchanged])
        self._labels.add(here)


def _face_store(index: IndexWriter) -> FaceStore | None:
    """Return what stores faces, for an index with faces."""
    if index.faces is None:
        return None
    from indexer.pipeline.faces import FaceStore

    return FaceStore(index)


def _is_gone(path: str) -> bool:
    """Return whether nothing exists at a path; a path that cannot be seen now counts as existing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
