"""Read the files of indexed images again, and leave out those that are gone or have changed since."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.images import ImageRecord
from indexer.decoding.fingerprint import SIDE, Fingerprint
from indexer.errors import LockedIndex
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.numbers import size_and_mtime
from indexer.paths import reason_for
from indexer.progress import Report
from indexer.workers.pool import TaskPool
from indexer.workers.tasks import CHUNK_BYTES, CHUNK_FILES, FileTask
from latentsearch.duplicates.compare.contents import Facts
from latentsearch.duplicates.compare.judge import CHANGED, Judged, JudgePairs
from latentsearch.duplicates.compare.same_frames import File, Pair
from latentsearch.duplicates.grey_pictures import GreyPictures
from latentsearch.duplicates.looks import Indexed, LookAtFiles, MakeFingerprints
from latentsearch.duplicates.results import LeftOut

# Missing fingerprints are made and stored in the index in parts of this size.
KEPT_AT_ONCE = 10_000

Item = TypeVar("Item")
Result = TypeVar("Result")
Views = tuple[NDArray[np.int64], NDArray[np.uint8]]


def still_there(records: Iterable[ImageRecord]) -> tuple[list[ImageRecord], list[LeftOut]]:
    """Split images into those whose files are unchanged, each file once, and those that are gone or changed.

    Soft and hard links to a file are not copies of it. One path to each file is kept: one without a soft link, if there
    is one, else the first.
    """
    files: dict[tuple[int, int], ImageRecord] = {}
    left_out = []
    for record in sorted(records, key=lambda record: (os.path.realpath(record.path) != record.path, record.path)):
        try:
            status = os.stat(record.path)
        except OSError as error:
            left_out.append(LeftOut(record.path, reason_for(record.path, error)))
            continue
        if size_and_mtime(status) != (record.size, record.mtime_ns):
            left_out.append(LeftOut(record.path, CHANGED))
        else:
            files.setdefault((status.st_dev, status.st_ino), record)
    return list(files.values()), left_out


def look_at(
    records: Sequence[ImageRecord], pictures: GreyPictures, report: Report | None = None
) -> tuple[dict[int, Facts], list[LeftOut]]:
    """Read the files of images, and store their grey pictures in `pictures`.

    Returns the facts of the readable ones, by row, and the others with the reason: unreadable, or changed.
    """
    rows = {record.path: row for row, record in enumerate(records)}
    facts: dict[int, Facts] = {}
    left_out = []
    for looked in _done(LookAtFiles(), [_indexed(record) for record in records], report):
        row = rows[looked.path]
        if looked.reason:
            left_out.append(LeftOut(looked.path, looked.reason))
        else:
            pictures.write(row, looked.grey)
            facts[row] = looked.facts
    return facts, left_out


def judge_pairs(pairs: Sequence[Pair], report: Report | None = None) -> Iterator[Judged]:
    """Judge pairs of files in worker processes; yields the verdicts as they are completed."""
    return _done(JudgePairs(), pairs, report, lambda pair: pair.first.size + pair.second.size)


def file_of(record: ImageRecord, facts: Facts) -> File:
    """Describe the file of an image for a comparison."""
    return File(record.path, record.size, record.digest, facts)


def complete_fingerprints(
    index: Index, report: Report | None = None
) -> tuple[NDArray[np.int64], NDArray[np.uint8], Views, list[LeftOut]]:
    """Return ids and fingerprints of all images, their further views, and the images left out.

    Missing fingerprints are made from the files and stored in the index, unless another process holds its lock or it is
    read-only. Images whose files cannot be read or have changed are left out. Shapes as in `indexer.catalog.copies`.
    """
    missing = index.catalog.copies.without_fingerprint()
    unkept: dict[int, Fingerprint] = {}
    left_out: list[LeftOut] = []
    for start in range(0, len(missing), KEPT_AT_ONCE):
        # Storing a part refreshes the index, so images that another process has removed may be missing here.
        records = list(index.catalog.images.of_ids(missing[start : start + KEPT_AT_ONCE]).values())
        made, unusable = _fingerprints(records, _continued(report, start, len(missing)))
        left_out += unusable
        if not _kept(index, made):
            unkept.update(made)
    ids, fingerprints = index.catalog.copies.fingerprints()
    views = index.catalog.copies.further_views()
    return *_with(unkept, ids, fingerprints), _with_views(unkept, *views), left_out


def _fingerprints(
    records: Sequence[ImageRecord], report: Report | None
) -> tuple[list[tuple[int, Fingerprint]], list[LeftOut]]:
    """Make the fingerprints of images from their files; return them by id, and the images that have none."""
    ids = {record.path: record.id for record in records}
    made, left_out = [], []
    for done in _done(MakeFingerprints(), [_indexed(record) for record in records], report):
        if done.fingerprint is None:
            left_out.append(LeftOut(done.path, done.reason))
        else:
            made.append((ids[done.path], done.fingerprint))
    return made, left_out


def _with(more: dict[int, Fingerprint], ids: NDArray[np.int64], fingerprints: NDArray[np.uint8]) -> Views:
    """Merge further fingerprints into ids and fingerprints, sorted by id."""
    if not more:
        return ids, fingerprints
    others = ~np.isin(ids, list(more))
    ids = np.concatenate([ids[others], list(more)])
    added = np.frombuffer(b"".join(made.white for made in more.values()), np.uint8).reshape(-1, SIDE, SIDE)
    order = np.argsort(ids)
    return ids[order], np.concatenate([fingerprints[others], added])[order]


def _with_views(more: dict[int, Fingerprint], ids: NDArray[np.int64], views: NDArray[np.uint8]) -> Views:
    others = ~np.isin(ids, list(more))
    ids, views = ids[others], views[others]
    for image_id, made in more.items():
        added = np.frombuffer(made.black + (made.frames or b""), np.uint8).reshape(-1, SIDE, SIDE)
        ids = np.concatenate([ids, np.full(len(added), image_id)])
        views = np.concatenate([views, added])
    return ids, views


def _done(
    task: FileTask[Item, Result],
    items: Sequence[Item],
    report: Report | None,
    size: Any = lambda item: item.size,
) -> Iterator[Result]:
    done = 0
    with TaskPool(task, _chunks(items, size)) as pool:
        for results in filter(None, pool.results()):
            yield from results
            done += len(results)
            if report:
                report(done, len(items))


def _chunks(items: Sequence[Item], size: Any) -> Iterator[list[Item]]:
    """Split items into chunks of the same size as in indexing, small enough that a worker reports back soon."""
    chunk: list[Item] = []
    total = 0
    for item in items:
        if chunk and (len(chunk) == CHUNK_FILES or total + size(item) > CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += size(item)
    if chunk:
        yield chunk


def _indexed(record: ImageRecord) -> Indexed:
    return Indexed(record.path, record.size, record.digest)


def _continued(report: Report | None, done: int, total: int) -> Report | None:
    return None if report is None else lambda more, _: report(done + more, total)


def _kept(index: Index, fingerprints: list[tuple[int, Fingerprint]]) -> bool:
    try:
        with IndexWriter.open(index.folder) as writer:
            writer.catalog.copies.add_fingerprints(fingerprints)
            writer.commit()
    except (LockedIndex, PermissionError):
        return False
    index.refresh()
    return True
