"""An index made anew with another encoder: the pictures that an older one holds, and their given labels."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.catalog.images import ImageRecord
from indexer.files.discover import Found, Problem, look_at
from indexer.files.passed import Passed
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.parquet.export import given_labels
from indexer.pipeline.scope import Scope

IMAGES_AT_ONCE = 2_000


class Carried(Scope):
    """Single pictures, which an older index holds: what is left out of folders is no matter here."""

    def files(self, passed: Passed | None = None) -> Iterator[Found | Problem]:
        """Those that are there now."""
        return filter(None, map(look_at, self.changed or ()))


def scope_of(older: Index) -> Scope:
    """What a run looks at to take in the pictures of an older index, and nothing else."""
    return Carried((), [record.path for record in older.catalog.images.all()])


def carry_labels(older: Index, index: IndexWriter) -> int:
    """Give an index, open for writing, the given labels that an older one has for pictures of the same path.

    Predicted ones can be predicted again. Returns how many of the older index's pictures are not in the new one.
    """
    missing = 0
    for records in _pages(older):
        found = index.catalog.images.at([record.path for record in records])
        there = [record for record in records if record.path in found]
        labels = given_labels(older, [record.id for record in there])
        rows = ((found[record.path].id, some) for record, some in zip(there, labels, strict=True))
        index.catalog.labels.add((image_id, some) for image_id, some in rows if some)
        missing += len(records) - len(there)
    index.commit()
    return missing


def _pages(index: Index) -> Iterator[list[ImageRecord]]:
    first = 0
    while records := index.catalog.images.from_id(first, IMAGES_AT_ONCE):
        first = records[-1].id + 1
        yield records
