"""Images of an index -> their files, looked at again where these are still what was indexed."""

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

# An index without fingerprints gets them in parts of this size, each kept when it is done.
KEPT_AT_ONCE = 10_000

Item = TypeVar("Item")
Result = TypeVar("Result")
Views = tuple[NDArray[np.int64], NDArray[np.uint8]]


def still_there(records: Iterable[ImageRecord]) -> tuple[list[ImageRecord], list[LeftOut]]:
    """Those whose files are as they were indexed, each file once, and those whose files are gone or have changed.

    Links to a file, soft or hard, are no copies of it: of its names the one without links stays, else the first.
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
    """Look at the files of images: their grey pictures go into `pictures`.

    Returns what those have that could be read, by place, and why the others could not: unreadable now, or of another
    content.
    """
    places = {record.path: place for place, record in enumerate(records)}
    facts: dict[int, Facts] = {}
    left_out = []
    for looked in _done(LookAtFiles(), [_indexed(record) for record in records], report):
        place = places[looked.path]
        if looked.reason:
            left_out.append(LeftOut(looked.path, looked.reason))
        else:
            pictures.write(place, looked.grey)
            facts[place] = looked.facts
    return facts, left_out


def judge_pairs(pairs: Sequence[Pair], report: Report | None = None) -> Iterator[Judged]:
    """What the two files of each pair are to one another, in the order in which they are done."""
    return _done(JudgePairs(), pairs, report, lambda pair: pair.first.size + pair.second.size)


def file_of(record: ImageRecord, facts: Facts) -> File:
    """An image's file, for a comparison."""
    return File(record.path, record.size, record.digest, facts)


def complete_fingerprints(
    index: Index, report: Report | None = None
) -> tuple[NDArray[np.int64], NDArray[np.uint8], Views, list[LeftOut]]:
    """The ids and fingerprints of all images, and their further views, as indexer.catalog.catalog gives them.

    Missing ones are made from the files. They are kept in the index for the next time unless another process writes to
    it, or it may not be written to. Left out are images whose files cannot be read, or have changed.
    """
    missing = index.catalog.copies.without_fingerprint()
    unkept: dict[int, Fingerprint] = {}
    left_out: list[LeftOut] = []
    for start in range(0, len(missing), KEPT_AT_ONCE):
        # Not all of them may be there any more: once a part is kept, others' removals are seen.
        records = list(index.catalog.images.of_ids(missing[start : start + KEPT_AT_ONCE]).values())
        made, unusable = _fingerprints(records, _behind(report, start, len(missing)))
        left_out += unusable
        if not _kept(index, made):
            unkept.update(made)
    ids, fingerprints = index.catalog.copies.fingerprints()
    views = index.catalog.copies.further_views()
    return *_with(unkept, ids, fingerprints), _with_views(unkept, *views), left_out


def _fingerprints(
    records: Sequence[ImageRecord], report: Report | None
) -> tuple[list[tuple[int, Fingerprint]], list[LeftOut]]:
    """Ids and fingerprints of images, read from their files, and those whose files cannot be read or have changed."""
    ids = {record.path: record.id for record in records}
    made, left_out = [], []
    for done in _done(MakeFingerprints(), [_indexed(record) for record in records], report):
        if done.fingerprint is None:
            left_out.append(LeftOut(done.path, done.reason))
        else:
            made.append((ids[done.path], done.fingerprint))
    return made, left_out


def _with(more: dict[int, Fingerprint], ids: NDArray[np.int64], fingerprints: NDArray[np.uint8]) -> Views:
    """Ids and fingerprints with more of them, by id."""
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
    """So few files at once that a worker is back soon; sized as those that are indexed."""
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


def _behind(report: Report | None, done: int, total: int) -> Report | None:
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
