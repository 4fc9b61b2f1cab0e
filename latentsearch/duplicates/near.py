"""Find groups of pictures in an index that look the same: re-encoded, resized, or altered in a known way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.images import ImageRecord
from indexer.index.index import Index
from indexer.progress import StepReport
from latentsearch.duplicates.candidates import candidates, candidates_by_view
from latentsearch.duplicates.compare.alignment import SIDE
from latentsearch.duplicates.compare.changes import Relation
from latentsearch.duplicates.compare.contents import Facts
from latentsearch.duplicates.compare.same_frames import Pair
from latentsearch.duplicates.grey_pictures import room_for
from latentsearch.duplicates.grouping import Verdicts, groups_around_best, keys, twins_of
from latentsearch.duplicates.pairs import Pairs
from latentsearch.duplicates.results import Copy, LeftOut, Tie
from latentsearch.duplicates.source_files import complete_fingerprints, file_of, judge_pairs, look_at, still_there
from latentsearch.duplicates.verification import compared, verified


def near_duplicates(index: Index, without: set[int], report: StepReport) -> tuple[list[list[Copy]], list[LeftOut]]:
    """Return groups of pictures that look the same, the best of each first, and images that could not be compared.

    without: ids of images to skip. Raises MissingExtra without FAISS.
    """
    ids, fingerprints, (owner_ids, views), unreadable = complete_fingerprints(
        index, partial(report, "reading pictures")
    )
    wanted = ~np.isin(ids, list(without))
    ids, fingerprints = ids[wanted], fingerprints[wanted]
    owned = np.isin(owner_ids, ids)
    owners = np.searchsorted(ids, owner_ids[owned])
    pairs = candidates(fingerprints, partial(report, "looking for copies"))
    by_view = candidates_by_view(fingerprints, views[owned], owners)
    together = Pairs.joined([pairs, by_view])
    found = index.images(ids[np.union1d(together.pictures, together.references)].tolist())
    records, gone = still_there(found)
    rows = np.array([np.searchsorted(ids, record.id) for record in records], np.int64)
    search = _Search(records, fingerprints[rows], report)
    groups = search.groups(*(_among(some, rows, len(ids)) for some in (pairs, by_view)))
    return groups, _distinct([*unreadable, *gone, *search.left_out])


def _among(pairs: Pairs, rows: NDArray[np.int64], count: int) -> Pairs:
    """Keep the pairs whose rows are both in `rows`, and renumber them by their index there. count: rows in all."""
    renumbered = np.full(count, -1, np.int64)
    renumbered[rows] = np.arange(len(rows))
    first, second = renumbered[pairs.pictures], renumbered[pairs.references]
    moved = Pairs(first, second, pairs.turns, pairs.windows, pairs.likeness)
    return moved[(first >= 0) & (second >= 0)]


def _distinct(left_out: Sequence[LeftOut]) -> list[LeftOut]:
    return list({left.path: left for left in left_out}.values())


class _Search:
    """Verifies candidate pairs and groups them, by their rows in `records`; left_out: files that cannot be used."""

    def __init__(self, records: Sequence[ImageRecord], fingerprints: NDArray[np.uint8], report: StepReport) -> None:
        self._records = records
        self._fingerprints = fingerprints
        self._report = report
        self._facts: dict[int, Facts] = {}
        self.left_out: list[LeftOut] = []

    def groups(self, pairs: Pairs, by_view: Pairs) -> list[list[Copy]]:
        """Group the pairs that are copies. by_view: pairs that match over another background or in a later frame."""
        with room_for(len(self._records), SIDE) as pictures:
            self._facts, unreadable = look_at(self._records, pictures, partial(self._report, "reading candidates"))
            self.left_out += unreadable
            alike = verified(self._readable(pairs), pictures, partial(self._report, "comparing candidates"))

            def compare(first: NDArray[np.int64], second: NDArray[np.int64]) -> Pairs:
                return compared(first, second, self._fingerprints, pictures)

            verdicts = Verdicts(alike, compare, self._judged)
            # Only their fingerprints have been compared so far, so most of these pairs are not copies.
            verdicts.add(_not_among(self._readable(by_view), alike))
            rank = {row: rank for rank, row in enumerate(sorted(self._facts, key=self._goodness))}
            groups = groups_around_best(verdicts, rank)
            twins = twins_of(groups, verdicts)
        return [self._group(rows, verdicts, twins) for rows in groups]

    def _readable(self, pairs: Pairs) -> Pairs:
        is_read = np.zeros(len(self._records), bool)
        is_read[list(self._facts)] = True
        return pairs[is_read[pairs.pictures] & is_read[pairs.references]]

    def _goodness(self, row: int) -> tuple[float | str, ...]:
        """Return the sort key of a copy, least for the best, from its own file alone."""
        facts, record = self._facts[row], self._records[row]
        return (
            -facts.frames,
            -facts.pages,
            -facts.alpha,
            -facts.is_coloured,
            -facts.depth,
            -record.width * record.height,
            -facts.fineness,
            -(facts.date + facts.camera),
            record.mtime_ns,
            record.path,
        )

    def _judged(self, pairs: Pairs) -> list[Relation | None]:
        """Judge pairs by the contents of their files; None for pairs that are not copies."""
        files = {row: file_of(self._records[row], self._facts[row]) for row in self._facts}
        asked = [
            Pair(files[picture], files[reference], turn, tuple(window), likeness)
            for picture, reference, turn, window, likeness in zip(
                pairs.pictures.tolist(),
                pairs.references.tolist(),
                pairs.turns.tolist(),
                pairs.windows.tolist(),
                pairs.likeness.tolist(),
                strict=True,
            )
        ]
        judged = {}
        for done in judge_pairs(asked, partial(self._report, "comparing copies")):
            judged[done.pair.first.path, done.pair.second.path] = done.relation
            if done.reason:
                self.left_out.append(LeftOut(done.path, done.reason))
        return [judged.get((pair.first.path, pair.second.path)) for pair in asked]

    def _group(self, rows: Sequence[int], verdicts: Verdicts, twins: dict[int, int]) -> list[Copy]:
        best, *others = rows
        group = [Copy(self._records[best])]
        for other in others:
            twin = twins.get(other)
            group.append(
                Copy(
                    self._records[other],
                    _tie(verdicts, best, other),
                    None if twin is None else self._records[twin].id,
                    None if twin is None else _tie(verdicts, twin, other),
                )
            )
        return group


def _tie(verdicts: Verdicts, to: int, other: int) -> Tie:
    relation = verdicts.of(to, other)
    assert relation is not None
    return Tie.of(relation)


def _not_among(pairs: Pairs, known: Pairs) -> Pairs:
    """Keep the pairs that are not among the known ones, and mark their likeness as unknown (0)."""
    there = set(keys(known))
    new = pairs[np.array([key not in there for key in keys(pairs)], bool)]
    new.likeness[:] = 0
    return new
