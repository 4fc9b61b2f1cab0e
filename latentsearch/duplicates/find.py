"""Find groups of copies in an index: byte for byte, re-encoded, resized, or altered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indexer.catalog.images import ImageRecord
from indexer.index.index import Index
from indexer.progress import StepReport
from latentsearch.duplicates.near import near_duplicates
from latentsearch.duplicates.results import EXACT, Copy, Duplicates, LeftOut, Tie, age
from latentsearch.duplicates.source_files import still_there

SAME_BYTES = Tie(EXACT)


def find_duplicates(
    index: str | None = None, *, exact: bool = False, near: bool = False, report: StepReport | None = None
) -> Duplicates:
    """Find the pictures of an index that are copies of one another; delete nothing.

    index: its folder, None for the default index.
    exact: only copies with the same bytes. near: only copies that look the same and have other bytes; the best of
    several files with the same bytes represents them. With neither, both kinds are found.
    report: called with the name of the step, the number done and the total.
    Groups are sorted by the path of their best picture. The best has lost least, by frames, pages, alpha, colour, bit
    depth, pixels, compression, date and camera; of equal ones it is the oldest, then the first by path.
    Raises IndexStateError without an index, MissingExtra without FAISS.
    """
    with Index.open(Index.locate(index)) as opened:
        clusters, others, left_out = _same_bytes(opened)
        groups = [[Copy(cluster[0]), *_exact(cluster[1:])] for cluster in clusters if len(cluster) > 1]
        if not exact:
            alike, more_left_out = near_duplicates(opened, others, report or _silent)
            groups = alike if near else _joined(groups, alike)
            left_out += more_left_out
    groups.sort(key=lambda group: group[0].image.path)
    return Duplicates(str(opened.folder), tuple(map(tuple, groups)), tuple(left_out))


def _same_bytes(index: Index) -> tuple[list[list[ImageRecord]], set[int], list[LeftOut]]:
    """Return groups of images with the same bytes, the best first, the ids of all but the best, and files left out."""
    clusters, others, left_out = [], set(), []
    for ids in index.catalog.copies.exact():
        there, gone = still_there(index.images(ids))
        there.sort(key=age)
        clusters.append(there)
        others.update(set(ids) - {record.id for record in there[:1]})
        left_out += gone
    return clusters, others, left_out


def _exact(records: Sequence[ImageRecord]) -> list[Copy]:
    return [Copy(record, SAME_BYTES) for record in records]


def _joined(same_bytes: Sequence[list[Copy]], alike: Sequence[list[Copy]]) -> list[list[Copy]]:
    """Insert exact copies after each member of the groups that look alike, then append the exact groups left over."""
    by_best = {group[0].image.id: group for group in same_bytes}
    joined = [[copy for member in group for copy in _with_same_bytes(member, by_best)] for group in alike]
    used = {copy.image.id for group in alike for copy in group}
    return [*joined, *(group for group in same_bytes if group[0].image.id not in used)]


def _with_same_bytes(member: Copy, by_best: Mapping[int, Sequence[Copy]]) -> list[Copy]:
    """Return a member and its exact copies, which have the same ties to the other members."""
    others = [other.image for other in by_best.get(member.image.id, [])[1:]]
    if member.to_best is None:
        return [member, *_exact(others)]
    if member.to_best.may_go(()):
        return [member, *(Copy(image, member.to_best) for image in others)]
    if member.twin is not None:
        return [member, *(Copy(image, member.to_best, member.twin, member.to_twin) for image in others)]
    return [member, *(Copy(image, member.to_best, member.image.id, SAME_BYTES) for image in others)]


def _silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""
