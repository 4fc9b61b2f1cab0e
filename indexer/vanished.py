"""What the catalogue holds of files that a run should have found and did not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter

from indexer.catalog import Catalog
from indexer.plan import FIRST_ID, Plan

AT_ONCE = 10_000


def count_vanished(catalog: Catalog, paths: Iterable[str], plan: Plan, prune: bool) -> int:
    """How many images at or below these paths, none within another, have no file any more; prune: removes them."""
    count = 0
    vanished = (image_id for image_id, _ in _vanished_images(catalog, paths, plan))
    while some := list(islice(vanished, AT_ONCE)):
        count += len(some)
        if prune:
            catalog.remove_images(some)
    return count


def forget_failures(catalog: Catalog, paths: Iterable[str], plan: Plan) -> None:
    """Forget the failures at or below these paths whose files are gone."""
    vanished = (path for path in _unseen_failures(catalog, paths, plan) if not _is_hidden(path, plan.hidden))
    while some := list(islice(vanished, AT_ONCE)):
        catalog.remove_failures(some)


def is_under(path: str, folder: str) -> bool:
    """Whether a path is this one or lies in that folder."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def outermost(paths: Iterable[str]) -> list[str]:
    """These paths but for those within others of them."""
    unique = set(paths)
    return sorted(path for path in unique if not any(above in unique for above in _above(path)))


def _vanished_images(catalog: Catalog, paths: Iterable[str], plan: Plan) -> Iterator[tuple[int, str]]:
    """Of the images that were there before the run: those of a new index need not be looked through."""
    if plan.before <= FIRST_ID:
        return iter(())
    images = (image for path in paths for image in catalog.images_under(path) if image[0] < plan.before)
    return (image for image in plan.seen.unseen(images, itemgetter(1)) if not _is_hidden(image[1], plan.hidden))


def _unseen_failures(catalog: Catalog, paths: Iterable[str], plan: Plan) -> Iterator[str]:
    return plan.seen.unseen((failure for path in paths for failure in catalog.failures_under(path)), str)


def _is_hidden(path: str, hidden: Iterable[str]) -> bool:
    return any(is_under(path, place) for place in hidden)


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while (parent := os.path.dirname(path)) != path:
        path = parent
        yield path
