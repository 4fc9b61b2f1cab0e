"""Looks up files in the catalogue in small batches, since it may hold millions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from indexer.catalog.catalog import Catalog
from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
from indexer.numbers import FIRST_ID

# The most known contents of one size passed to a worker; beyond that, a moved file may be decoded once more.
CONTENTS_AT_MOST = 1_000
SIZES_REMEMBERED = 1_024


class CatalogLookup:
    """A plan's queries to the catalogue.

    catalog: a read-only connection for these queries alone. before: the first id that this run assigns. faces: whether
    the run searches images for faces.
    """

    def __init__(self, catalog: Catalog, before: int, faces: bool = False) -> None:
        self._catalog = catalog
        self._faces = faces
        self.before = before
        self.contents_of_size = lru_cache(SIZES_REMEMBERED)(self._contents_of_size)

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the images at absolute paths, by path."""
        return self._catalog.images.at_before(paths, self.before)

    def failures_at(self, paths: Sequence[str]) -> dict[str, Failure]:
        """Return the failures at absolute paths, by path; at most 32,766 paths, SQLite's limit per statement."""
        return {failure.path: failure for failure in self._catalog.failures.at(paths)}

    def unsearched(self, images: Iterable[ImageRecord]) -> set[int]:
        """Return the ids of the images that this run has to search for faces."""
        return self._catalog.faces.unsearched([image.id for image in images]) if self._faces else set()

    def look_again(self) -> None:
        """End the read transaction, because SQLite's journal grows as long as one stays open."""
        self._catalog.refresh()

    def _contents_of_size(self, size: int) -> tuple[bytes, ...]:
        """Return the SHA-256 of some contents of `size` bytes that need no decoding, from before this run."""
        if self.before <= FIRST_ID:  # a new index has none, and querying every size would cost a tenth of the run
            return ()
        return self._catalog.images.contents_of_size(size, self.before, CONTENTS_AT_MOST, self._faces)
