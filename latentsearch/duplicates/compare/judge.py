"""Decide from the contents of two files whether they are copies, and how they differ."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from indexer.decoding.decode import read_file
from indexer.errors import UnreadableImage
from indexer.workers.budget import Share
from indexer.workers.tasks import FileTask
from latentsearch.duplicates.compare import changes as words
from latentsearch.duplicates.compare.changes import Relation, in_order
from latentsearch.duplicates.compare.contents import ON_OR_OFF, SOFT, Facts
from latentsearch.duplicates.compare.detail import has_fewer_colours, is_enlarged
from latentsearch.duplicates.compare.overlay import FEW_COLOURS, SIZE_DIFFERENCE, Regions, compare_frames
from latentsearch.duplicates.compare.same_frames import Pair, frames_to_compare, memory_for, turn
from latentsearch.duplicates.compare.turns import MIRRORED

CHANGED = "it has changed since it was indexed"
# A smaller ratio of bits per pixel makes no visible difference.
FINENESS_DIFFERENCE = 1.1
# After these changes, the numbers of colours of two copies cannot be compared.
OTHER_COLOURS = {words.GREYED, words.FLATTENED, words.CROPPED}


class Judged(NamedTuple):
    """The verdict on a pair: its relation, None if they are not copies; or the file that cannot be used, and why."""

    pair: Pair
    relation: Relation | None = None
    path: str = ""
    reason: str = ""


class JudgePairs(FileTask[Pair, Judged]):
    """Reads both files of a pair and decides how they are related; runs in a worker process."""

    def do(self, item: Pair, share: Share) -> Judged:
        """Compare one pair."""
        contents: list[bytes] = []
        for file in (item.first, item.second):
            try:
                share.reserve_file(file.size + sum(len(data) for data in contents))
                data = read_file(file.path)
            except UnreadableImage as error:
                return Judged(item, None, file.path, str(error))
            if hashlib.sha256(data).digest() != file.digest:
                return Judged(item, None, file.path, CHANGED)
            contents.append(data)
        try:
            # Memory for both pictures is reserved in one request: with two, workers could deadlock on each other.
            share.reserve(memory_for(item))
            return Judged(item, relation_of(item, *contents))
        except UnreadableImage as error:
            return Judged(item, None, item.first.path, f"it cannot be compared: {error}")

    def failed(self, item: Pair, reason: str) -> Judged:
        """Report a failed comparison under the first file, since either may be the cause; the pair is no copy."""
        return Judged(item, None, item.first.path, reason)


def relation_of(pair: Pair, first: bytes, second: bytes) -> Relation | None:
    """Compare two pictures by the bytes of their files. Returns None if they are not copies."""
    facts = pair.first.facts, pair.second.facts
    shown = frames_to_compare(pair, first, second)
    if shown is None:
        return None
    turned = turn(shown.first, pair.turn), shown.second
    compared = compare_frames(turned, np.array(pair.window, np.float32), pair.likeness, facts)
    if compared is None:
        return None
    changes, first_lacks, second_lacks = list(compared.changes), list(shown.first_lacks), list(shown.second_lacks)
    changes += shown.changes
    first_lacks += compared.first_lacks
    second_lacks += compared.second_lacks
    _compare_facts(facts, first_lacks, second_lacks, compared.regions.ratio < SIZE_DIFFERENCE)
    has_own_colours = not OTHER_COLOURS & {*changes}
    _compare_quality(turned, compared.regions, facts, first_lacks, second_lacks, has_own_colours)
    if not changes and not pair.turn:
        _compare_compression(turned, compared.regions, facts, first_lacks, second_lacks)
    if words.ALPHA in {*first_lacks, *second_lacks}:
        changes.append(words.FLATTENED)
    if {words.DEPTH, words.COLOURS} & {*first_lacks, *second_lacks} and words.GREYED not in changes:
        # Reducing colours to a palette also shifts them, which is not a recolouring.
        changes = [change for change in changes if change not in (words.RECOLOURED, words.BRIGHTENED)]
        changes.append(words.FEWER_COLOURS)
    if pair.turn % MIRRORED:
        changes.append(words.TURNED)
    if pair.turn >= MIRRORED:
        changes.append(words.MIRRORED)
    return Relation(
        in_order(changes, words.CHANGES),
        90 * (pair.turn % MIRRORED),
        in_order(first_lacks, words.PARTS),
        in_order(second_lacks, words.PARTS),
        compared.likeness,
    )


def _compare_facts(
    facts: tuple[Facts, Facts], first_lacks: list[str], second_lacks: list[str], has_one_size: bool
) -> None:
    """Add what only one of two files has to the other's list, by their facts."""
    first, second = facts
    # Resizing turns a mask into gradual alpha, which is not a gain.
    most_alpha = SOFT if has_one_size else ON_OR_OFF
    for part, one, other in (
        (words.ALPHA, min(first.alpha, most_alpha), min(second.alpha, most_alpha)),
        (words.COLOUR, first.is_coloured, second.is_coloured),
        (words.DEPTH, first.depth, second.depth),
        (words.DATE, first.date, second.date),
        (words.CAMERA, first.camera, second.camera),
    ):
        if one < other:
            first_lacks.append(part)
        elif other < one:
            second_lacks.append(part)


def _compare_quality(
    shown: tuple[Image.Image, Image.Image],
    regions: Regions,
    facts: tuple[Facts, Facts],
    first_lacks: list[str],
    second_lacks: list[str],
    has_own_colours: bool,
) -> None:
    """Add COLOURS and PIXELS to the list of the file that has fewer of them."""
    if min(facts[0].colours, facts[1].colours) <= FEW_COLOURS and has_own_colours:
        if has_fewer_colours(shown[0], facts[0], shown[1], facts[1]):
            first_lacks.append(words.COLOURS)
        elif has_fewer_colours(shown[1], facts[1], shown[0], facts[0]):
            second_lacks.append(words.COLOURS)
    if regions.ratio >= SIZE_DIFFERENCE:
        larger = int(regions.sides[1] > regions.sides[0])
        if not _is_enlarged(shown, regions):
            (first_lacks if larger else second_lacks).append(words.PIXELS)


def _is_enlarged(shown: tuple[Image.Image, Image.Image], regions: Regions) -> bool:
    larger = int(regions.sides[1] > regions.sides[0])
    parts = [
        picture.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))
        for picture, box in zip(shown, regions[:2], strict=True)
    ]
    return is_enlarged(parts[larger], parts[1 - larger])


def _compare_compression(
    shown: tuple[Image.Image, Image.Image],
    regions: Regions,
    facts: tuple[Facts, Facts],
    first_lacks: list[str],
    second_lacks: list[str],
) -> None:
    """Add QUALITY to the list of the file with the worse encoding, or of the one that is merely enlarged."""
    if words.PIXELS in (*first_lacks, *second_lacks):
        return
    if regions.ratio >= SIZE_DIFFERENCE:
        (second_lacks if regions.sides[1] > regions.sides[0] else first_lacks).append(words.QUALITY)
    elif facts[0].fineness > facts[1].fineness * FINENESS_DIFFERENCE:
        second_lacks.append(words.QUALITY)
    elif facts[1].fineness > facts[0].fineness * FINENESS_DIFFERENCE:
        first_lacks.append(words.QUALITY)
