"""What a catalogue knew of files when a run began: asked for little at a time, since it may hold millions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from indexer.catalog.catalog import Catalog
from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
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
        return self._catalog.images.at_before(paths, self.before)

    def failures_at(self, paths: Sequence[str]) -> dict[str, Failure]:
        """The failures of files at absolute paths, by path; of 32,766 at most, which is what SQLite takes."""
        return {failure.path: failure for failure in self._catalog.failures.at(paths)}

    def look_again(self) -> None:
        """What is read now may be written over by the next commit: a long look would make the journal grow."""
        self._catalog.refresh()

    def _contents_of_size(self, size: int) -> tuple[bytes, ...]:
        """SHA-256 of the contents of so many bytes that images from before this run have, some at most."""
        if self.before <= FIRST_ID:  # a new index has none: a question for every size would cost a tenth of the run
            return ()
        return self._catalog.images.contents_of_size(size, self.before, CONTENTS_AT_MOST)
