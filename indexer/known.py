"""What a catalogue knows of some files and contents: asked for little at a time, since it may hold millions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from indexer.catalog import Catalog
from indexer.failure_rows import Failure
from indexer.image_rows import ImageRecord
from indexer.schema import FAILURE, IMAGE

# At most this many paths in one question: SQLite takes 32,766 values.
PATHS_AT_ONCE = 10_000
FIRST_ID = 1


def images_before(catalog: Catalog, paths: Sequence[str], before: int) -> dict[str, ImageRecord]:
    """The images at absolute paths, by path, of an index whose images all had ids below `before` when a run began.

    For that run, which comes to each path once.
    """
    if before <= FIRST_ID:  # a new index had none
        return {}
    return catalog.images_at(paths)


def failures_at(catalog: Catalog, paths: Sequence[str]) -> dict[str, Failure]:
    """The failures of files at absolute paths, by path; at most PATHS_AT_ONCE of them."""
    failures = map(Failure._make, catalog.rows(select(FAILURE).where(FAILURE.c.path.in_(paths))))
    return {failure.path: failure for failure in failures}


def contents_of_size(catalog: Catalog, size: int, before: int, at_most: int) -> tuple[bytes, ...]:
    """SHA-256 of the contents of so many bytes that images with ids below `before` have, some at most."""
    if before <= FIRST_ID:  # a new index has none: a question for every size would cost a tenth of the run
        return ()
    found = select(IMAGE.c.digest).where(IMAGE.c.size == size, IMAGE.c.id < before).distinct().limit(at_most)
    return tuple(row[0] for row in catalog.rows(found))


def images_with(catalog: Catalog, size: int, digest: bytes, after: int, at_most: int) -> list[ImageRecord]:
    """Images of one content (its bytes and SHA-256) with ids above `after`, by id, some at most."""
    same = select(IMAGE).where(IMAGE.c.size == size, IMAGE.c.digest == digest, IMAGE.c.id > after)
    return [ImageRecord._make(row) for row in catalog.rows(same.order_by(IMAGE.c.id).limit(at_most))]
