"""An index -> groups of pictures that look the same: re-encoded, resized, mirrored, cropped, brightened."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from indexer.image_rows import ImageRecord
from indexer.index import Index
from latentsearch.candidates import candidates
from latentsearch.copies import BEST, NEAR, SAME, Copy, LeftOut, goodness
from latentsearch.grouping import Verdicts, groups_around_best
from latentsearch.originals import complete_fingerprints, grey_pictures, still_there
from latentsearch.pairs import Pairs
from latentsearch.verification import SIDE, changes, compared, verified

# What is being done, how much of it is done, and of how much.
Report = Callable[[str, int, int], None]


def lookalikes(index: Index, without: set[int], report: Report) -> tuple[list[list[Copy]], list[LeftOut]]:
    """Groups of pictures that look the same, the best of each first, and images that could not be compared.

    without: ids of images to leave aside. Raises MissingExtra without FAISS.
    """
    ids, fingerprints, unreadable = complete_fingerprints(index, partial(report, "reading pictures"))
    wanted = ~np.isin(ids, list(without))
    ids, fingerprints = ids[wanted], fingerprints[wanted]
    pairs = candidates(fingerprints, partial(report, "looking for copies"))
    found = index.images(ids[np.union1d(pairs.pictures, pairs.references)].tolist())
    records, gone = still_there(found)
    rows = np.array([np.searchsorted(ids, record.id) for record in records], np.int64)
    groups, undecodable = _groups(records, fingerprints[rows], _among(pairs, rows, len(ids)), report)
    return groups, [*unreadable, *gone, *undecodable]


def _among(pairs: Pairs, rows: NDArray[np.int64], count: int) -> Pairs:
    """Those of the pairs whose two are among these rows, of `count`, by their places there."""
    places = np.full(count, -1, np.int64)
    places[rows] = np.arange(len(rows))
    first, second = places[pairs.pictures], places[pairs.references]
    moved = Pairs(first, second, pairs.mirrored, pairs.windows, pairs.likeness)
    return moved[(first >= 0) & (second >= 0)]


def _groups(
    records: Sequence[ImageRecord], fingerprints: NDArray[np.uint8], pairs: Pairs, report: Report
) -> tuple[list[list[Copy]], list[LeftOut]]:
    """Groups of those images that show the same picture, of candidates by their places among the images."""
    with _on_disk(len(records)) as pictures:
        decoded, left_out = grey_pictures(records, pictures, partial(report, "reading candidates"))
        pairs = pairs[decoded[pairs.pictures] & decoded[pairs.references]]
        verdicts = Verdicts(verified(pairs, pictures, partial(report, "comparing candidates")))
        rank = {place: rank for rank, place in enumerate(_best_first(records))}
        compare = partial(compared, fingerprints=fingerprints, decoded=pictures)
        groups = groups_around_best(verdicts, rank, compare)
        how = changes(verdicts.pairs, pictures)
    return [_group(places, records, verdicts, how) for places in groups], left_out


def _group(
    places: Sequence[int], records: Sequence[ImageRecord], verdicts: Verdicts, how: Sequence[tuple[str, ...]]
) -> list[Copy]:
    best, *others = places
    group = [Copy(records[best], BEST)]
    for other in others:
        pair = verdicts.of(best, other)
        assert pair is not None
        group.append(Copy(records[other], NEAR if how[pair] else SAME, how[pair], float(verdicts.pairs.likeness[pair])))
    return group


def _best_first(records: Sequence[ImageRecord]) -> list[int]:
    return sorted(range(len(records)), key=lambda place: goodness(records[place]))


@contextmanager
def _on_disk(count: int) -> Iterator[NDArray[np.uint8]]:
    """Room for the grey pictures of candidates, uint8 (count, SIDE, SIDE): as many as there are pictures, at worst."""
    shape = (max(count, 1), SIDE, SIDE)
    with tempfile.TemporaryFile() as file:
        # Or a disk that is too full would kill the process when a page is written, not raise an error now.
        os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        yield np.memmap(file, np.uint8, "r+", shape=shape)[:count]
