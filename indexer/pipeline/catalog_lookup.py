"""What a catalogue knew of files when a run began: asked for little at a time, since it may hold millions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import select

from indexer.catalog.catalog import Catalog
from indexer.catalog.failures import Failure, failure_of
from indexer.catalog.images import ImageRecord
from indexer.catalog.schema import FAILURE, IMAGE
from indexer.numbers import FIRST_ID

# Contents of one size that a worker is told of; beyond that, a moved file is decoded once more.
CONTENTS_AT_MOST = 1_000
SIZES_REMEMBERED = 1_024


class CatalogLookup:
    """What is known to a plan.

    catalog: for this alone, and open for reading. before: ids from here on are given in this run.
    """

    def __init__(self, catalog: Catalog, before: int) -> None:
        self._catalog = catalog
        self.before = before
        self.contents_of_size = lru_cache(SIZES_REMEMBERED)(self._contents_of_size)

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageRecord]:
        """The images at absolute paths, by path."""
        return images_before(self._catalog, paths, self.before)

    def failures_at(self, paths: Sequence[str]) -> dict[str, Failure]:
        """The failures of files at absolute paths, by path; of 32,766 at most, which is what SQLite takes."""
        failures = map(failure_of, self._catalog.rows(select(FAILURE).where(FAILURE.c.path.in_(paths))))
        return {failure.path: failure for failure in failures}

    def look_again(self) -> None:
        """What is read now may be written over by the next commit: a long look would make the journal grow."""
        self._catalog.refresh()

    def _contents_of_size(self, size: int) -> tuple[bytes, ...]:
        """SHA-256 of the contents of so many bytes that images from before this run have, some at most."""
        if self.before <= FIRST_ID:  # a new index has none: a question for every size would cost a tenth of the run
            return ()
        found = select(IMAGE.c.digest).where(IMAGE.c.size == size, IMAGE.c.id < self.before).distinct()
        return tuple(row[0] for row in self._catalog.rows(found.limit(CONTENTS_AT_MOST)))


def images_before(catalog: Catalog, paths: Sequence[str], before: int) -> dict[str, ImageRecord]:
    """The images at absolute paths, by path, for a run that comes to each path once and gives ids from `before` on."""
    if before <= FIRST_ID:  # a new index had none
        return {}
    return catalog.images_at(paths)


def images_with(catalog: Catalog, size: int, digest: bytes, after: int, at_most: int) -> list[ImageRecord]:
    """Images of one content (its bytes and SHA-256) with ids above `after`, by id, some at most."""
    same = select(IMAGE).where(IMAGE.c.size == size, IMAGE.c.digest == digest, IMAGE.c.id > after)
    return [ImageRecord._make(row) for row in catalog.rows(same.order_by(IMAGE.c.id).limit(at_most))]
