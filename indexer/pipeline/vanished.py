"""Finds images and failures in the catalogue whose files have vanished."""

from __future__ import annotations

import enum
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from indexer.numbers import FIRST_ID
from indexer.paths import is_under, printable
from indexer.pipeline.plan import Plan

if TYPE_CHECKING:
    from indexer.catalog.catalog import Catalog

AT_ONCE = 10_000
# A folder with at least MANY images that loses more than the share MOST of them at once may be an unmounted drive.
MOST, MANY = 0.5, 20
EXAMPLES = 3


class Prune(enum.Enum):
    """When to remove images of vanished files: never, unless a drive may be missing, or always."""

    NO = "no"
    UNLESS_SUSPICIOUS = "yes"
    FORCE = "force"


@dataclass(frozen=True)
class Kept:
    """A named folder whose vanished images were kept: `lost` images out of `of`.

    is_empty: whether nothing at all was found in it. examples: some of the lost paths.
    """

    folder: str
    lost: int
    of: int
    is_empty: bool
    examples: tuple[str, ...]

    def __str__(self) -> str:
        count = f"all {self.lost}" if self.is_empty else f"{self.lost} of {self.of}"
        names = ", ".join(printable(os.path.relpath(path, self.folder)) for path in self.examples)
        more = f" and {self.lost - len(self.examples)} more" if self.lost > len(self.examples) else ""
        return f"{count} pictures of {printable(self.folder)} ({names}{more})"


@dataclass(frozen=True)
class Vanished:
    """The number of images without a file, how many of them were removed, and the folders whose images were kept."""

    count: int = 0
    removed: int = 0
    kept: tuple[Kept, ...] = ()


def take_vanished(
    catalog: Catalog, paths: Sequence[str], folders: Sequence[str], plan: Plan, prune: Prune, drives: Sequence[str] = ()
) -> Vanished:
    """Count images at or below paths whose files have vanished, and remove them as `prune` says.

    paths: absolute, disjoint. folders: the folders that the user named. drives: folders that used to be mount points.
    The images of a folder are kept if it may be an unmounted drive: nothing was found in it, it lost most of many
    images at once, or it is no longer the mount point that it used to be.
    """
    if prune is Prune.NO:
        return Vanished(count_vanished(catalog, paths, plan, prune=False))
    kept = (
        ()
        if prune is Prune.FORCE
        else tuple(_suspicious(catalog, paths, folders, plan, [drive for drive in drives if not is_drive(drive)]))
    )
    removed = count_vanished(catalog, paths, plan, prune=True, but_under=[each.folder for each in kept])
    left = count_vanished(catalog, paths, plan, prune=False) if kept else 0
    return Vanished(removed + left, removed, kept)


def count_vanished(
    catalog: Catalog, paths: Iterable[str], plan: Plan, prune: bool, but_under: Sequence[str] = ()
) -> int:
    """Count the images at or below disjoint paths whose files have vanished; prune: also remove them.

    but_under: paths whose images are skipped.
    """
    count = 0
    vanished = (image for image in _vanished_images(catalog, paths, plan) if not _is_hidden(image[1], but_under))
    while some := list(islice(vanished, AT_ONCE)):
        count += len(some)
        if prune:
            catalog.images.remove(image_id for image_id, _ in some)
    return count


def is_drive(folder: str) -> bool:
    """Return whether a folder, or the target of a link, exists and is on another drive than its parent."""
    try:
        return os.stat(folder).st_dev != os.stat(os.path.dirname(folder)).st_dev
    except OSError:
        return False


def _suspicious(
    catalog: Catalog, paths: Sequence[str], folders: Sequence[str], plan: Plan, lost_drives: Sequence[str]
) -> Iterator[Kept]:
    """Yield the folders that may be unmounted drives."""
    lost: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for _, path in _vanished_images(catalog, paths, plan):
        for folder in {*folders, *lost_drives}:
            if is_under(path, folder):
                counts[folder] += 1
                if counts[folder] <= EXAMPLES:
                    lost.setdefault(folder, []).append(path)
    for folder, count in counts.items():
        ids = [image_id for image_id, _ in catalog.images.under(folder)]
        had = sum(image_id < plan.before for image_id in ids)
        is_empty = len(ids) == count and next(iter(catalog.failures.under(folder)), None) is None
        if is_empty or folder in lost_drives or (had >= MANY and count > had * MOST):
            yield Kept(folder, count, had, is_empty, tuple(lost[folder]))


def forget_failures(catalog: Catalog, paths: Iterable[str], plan: Plan) -> None:
    """Remove the failures at or below these paths whose files have vanished."""
    vanished = (path for path in _unseen_failures(catalog, paths, plan) if not _is_hidden(path, plan.hidden))
    while some := list(islice(vanished, AT_ONCE)):
        catalog.failures.remove(some)


def _vanished_images(catalog: Catalog, paths: Iterable[str], plan: Plan) -> Iterator[tuple[int, str]]:
    """Yield vanished images that existed before the run; a new index has none."""
    if plan.before <= FIRST_ID:
        return iter(())
    images = (image for path in paths for image in catalog.images.under(path) if image[0] < plan.before)
    return (image for image in plan.seen.unseen(images, itemgetter(1)) if not _is_hidden(image[1], plan.hidden))


def _unseen_failures(catalog: Catalog, paths: Iterable[str], plan: Plan) -> Iterator[str]:
    return plan.seen.unseen((failure for path in paths for failure in catalog.failures.under(path)), str)


def _is_hidden(path: str, hidden: Iterable[str]) -> bool:
    return any(is_under(path, folder) for folder in hidden)
