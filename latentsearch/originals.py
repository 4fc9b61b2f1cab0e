"""Images of an index -> their files, looked at again where these are still what was indexed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.decode import Framing, Whole
from indexer.discover import reason_for
from indexer.errors import LockedIndex
from indexer.fingerprint import SIDE
from indexer.image_rows import ImageRecord
from indexer.index import Index
from indexer.numbers import size_and_mtime
from indexer.plan import CHUNK_BYTES, CHUNK_FILES
from indexer.pool import DecodingPool
from indexer.workers import DecodedChunk, Job
from latentsearch.candidates import Report
from latentsearch.copies import LeftOut

CHANGED = "it has changed since it was indexed"
# An index made before there were fingerprints gets them in parts of this size, each kept when it is done.
KEPT_AT_ONCE = 10_000


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


def grey_pictures(
    records: Sequence[ImageRecord], pictures: NDArray[np.uint8], report: Report | None = None
) -> tuple[NDArray[np.bool_], list[LeftOut]]:
    """Decode the whole of each image, grey, into `pictures`, uint8 (n, side, side).

    Returns which were decoded, bool (n,), and why the others were not: unreadable now, or of another content.
    """
    decoded = np.zeros(len(records), bool)
    rows = {record.path: row for row, record in enumerate(records)}
    left_out = []
    for chunk in _decoded(records, Whole(pictures.shape[2], pictures.shape[1]), report):
        for outcome in chunk.outcomes:
            row = rows[outcome.job.path]
            if outcome.reason or outcome.digest != records[row].digest:
                left_out.append(LeftOut(outcome.job.path, outcome.reason or CHANGED))
            else:
                pictures[row] = _grey(chunk.pixels[outcome.row])
                decoded[row] = True
    return decoded, left_out


def complete_fingerprints(
    index: Index, report: Report | None = None
) -> tuple[NDArray[np.int64], NDArray[np.uint8], list[LeftOut]]:
    """The ids and fingerprints of all images, as indexer.catalog gives them; missing ones are made from the files.

    They are kept in the index for the next time unless another process writes to it, or it may not be written to. Left
    out are images whose files cannot be read, or have changed.
    """
    missing = index.catalog.without_fingerprint()
    unkept: list[tuple[int, bytes]] = []
    left_out: list[LeftOut] = []
    for start in range(0, len(missing), KEPT_AT_ONCE):
        # Not all of them may be there any more: once a part is kept, others' removals are seen.
        records = list(index.catalog.images(missing[start : start + KEPT_AT_ONCE]).values())
        made, unusable = _fingerprints(records, _behind(report, start, len(missing)))
        left_out += unusable
        if not _kept(index, made):
            unkept += made
    return *_with(unkept, *index.catalog.fingerprints()), left_out


def _fingerprints(
    records: Sequence[ImageRecord], report: Report | None
) -> tuple[list[tuple[int, bytes]], list[LeftOut]]:
    """Ids and fingerprints of images, read from their files, and those whose files cannot be read or have changed."""
    by_path = {record.path: record for record in records}
    made, left_out = [], []
    for chunk in _decoded(records, Whole(SIDE, SIDE), report):
        for outcome in chunk.outcomes:
            record = by_path[outcome.job.path]
            if outcome.reason or outcome.digest != record.digest:
                left_out.append(LeftOut(record.path, outcome.reason or CHANGED))
            else:
                made.append((record.id, outcome.fingerprint))
    return made, left_out


def _with(
    more: list[tuple[int, bytes]], ids: NDArray[np.int64], fingerprints: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Ids and fingerprints with more of them, by id."""
    if not more:
        return ids, fingerprints
    ids = np.concatenate([ids, [image_id for image_id, _ in more]])
    added = np.frombuffer(b"".join(pixels for _, pixels in more), np.uint8).reshape(-1, SIDE, SIDE)
    order = np.argsort(ids)
    return ids[order], np.concatenate([fingerprints, added])[order]


def _decoded(records: Sequence[ImageRecord], framing: Framing, report: Report | None) -> Iterator[DecodedChunk]:
    done = 0
    with DecodingPool(framing, _chunks(records)) as pool:
        for chunk in filter(None, pool.results()):
            yield chunk
            done += len(chunk.outcomes)
            if report:
                report(done, len(records))


def _chunks(records: Sequence[ImageRecord]) -> Iterator[list[Job]]:
    chunk: list[Job] = []
    for record in records:
        if chunk and (len(chunk) == CHUNK_FILES or sum(job.size for job in chunk) + record.size > CHUNK_BYTES):
            yield chunk
            chunk = []
        chunk.append(Job(record.path, record.size, record.mtime_ns))
    if chunk:
        yield chunk


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(pixels @ np.array([0.299, 0.587, 0.114], np.float32)), np.uint8)


def _behind(report: Report | None, done: int, total: int) -> Report | None:
    return None if report is None else lambda more, _: report(done + more, total)


def _kept(index: Index, fingerprints: list[tuple[int, bytes]]) -> bool:
    try:
        with index.writing():
            index.catalog.add_fingerprints(fingerprints)
            index.catalog.commit()
    except (LockedIndex, PermissionError):
        return False
    return True
