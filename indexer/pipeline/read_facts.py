"""Reads the facts of pictures that an earlier version indexed, once, from their files.

The catalogue lists the images whose facts are missing; an image leaves the list in the transaction that stores its
facts. Images whose files are gone, have changed or cannot be read now stay on the list for the next run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from indexer.catalog.images import ImageRecord
from indexer.index.writer import IndexWriter
from indexer.progress import Report
from indexer.workers.facts import FactsRead, ReadFacts, Stored
from indexer.workers.pool import TaskPool
from indexer.workers.tasks import CHUNK_FILES

# Workers are restarted, and the results committed, after this many images.
IMAGES_AT_ONCE = 4_096


def read_facts(
    index: IndexWriter, interrupted: threading.Event, report: Report | None = None, memory: int | None = None
) -> int:
    """Read and store the facts of images that lack them, committing in parts; return how many images were read.

    memory: see WorkerPool.
    """
    facts, total = index.catalog.facts, index.catalog.facts.count_unread()
    first = seen = read = 0
    while not interrupted.is_set() and (some := facts.unread_from(first, IMAGES_AT_ONCE)):
        for results in _results(some, memory):
            done = [result for result in results if not result.may_pass]
            facts.add((result.image_id, result.facts) for result in done)
            facts.mark_read(result.image_id for result in done)
            seen, read = seen + len(results), read + len(done)
            if report:
                report(seen, total)
            if interrupted.is_set():
                break
        index.commit()
        first = some[-1].id + 1
    return read


def _results(records: Sequence[ImageRecord], memory: int | None) -> Iterator[list[FactsRead]]:
    """Read the facts of images, in chunks, with worker processes."""
    files = [Stored(record.id, record.path, record.size, record.mtime_ns) for record in records]
    chunks = (files[start : start + CHUNK_FILES] for start in range(0, len(files), CHUNK_FILES))
    with TaskPool(ReadFacts(), chunks, memory) as pool:
        yield from filter(None, pool.results())
