"""Carries the pictures of an older index and their given labels over to a new index with another encoder."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.catalog.images import ImageRecord
from indexer.files.discover import Found, Problem, look_at
from indexer.files.passed import Passed
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.parquet.export import given_and_predicted
from indexer.pipeline.scope import Scope

IMAGES_AT_ONCE = 2_000


class Carried(Scope):
    """A scope of single pictures, those of an older index; exclusion rules do not apply."""

    def files(self, passed: Passed | None = None) -> Iterator[Found | Problem]:
        """Yield the pictures that still exist."""
        return filter(None, map(look_at, self.changed or ()))


def scope_of(older: Index) -> Scope:
    """Return a scope of exactly the pictures in an older index."""
    return Carried((), [record.path for record in older.catalog.images.all()])


def carry_labels(older: Index, index: IndexWriter) -> int:
    """Copy given labels from an older index to one that is open for writing, by path, and commit.

    Predicted labels are not copied, since they can be predicted again. Returns how many of the older index's pictures
    are missing in the new one.
    """
    missing = 0
    for records in _pages(older):
        found = index.catalog.images.at([record.path for record in records])
        there = [record for record in records if record.path in found]
        labels, _ = given_and_predicted(older, [record.id for record in there])
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
