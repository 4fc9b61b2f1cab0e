"""Load the encoder of an index, and choose that of a new one from its pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexer.files.discover import Found

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder
    from indexer.pipeline.scope import Scope
    from indexer.workers.tasks import Job

logger = logging.getLogger(__name__)

AUTOMATIC = "auto"  # stands for a choice by the pictures
# The encoders of aligned faces and of anything else.
FOR_FACES, FOR_PHOTOS = "parts", "photos"
# Pictures that are looked at, evenly spaced among the first files of a walk. Listing these takes 0.2 s.
LOOKED_AT, LISTED = 200, 20_000
# This many are enough if their share of aligned faces is below the first figure or at least the second.
FEWEST, SURELY_OTHERS, SURELY_FACES = 50, 0.5, 0.94
# Aligned faces are small pictures; a larger file, in bytes, counts as another picture and is not decoded.
LARGEST = 1_000_000
# The share of pictures that must be aligned faces: the rule finds 98 % of them, and 0.5 % of other pictures.
LEAST_SHARE = 0.8


class Looked(NamedTuple):
    """How many pictures were looked at, and how many of them are aligned faces."""

    pictures: int
    aligned: int


def choose_encoder(looked: Looked) -> str:
    """Return the name of the encoder for a new index of pictures like those that were looked at."""
    if looked.pictures and looked.aligned >= LEAST_SHARE * looked.pictures:
        return FOR_FACES
    return FOR_PHOTOS


def encoder_for(
    location: Path, option: str | Path | None, for_new: str | None = None, *, network: bool = True
) -> Encoder:
    """Load the encoder of an index, or the one that a new index gets.

    option: a name or folder, which must be that of an existing index; None or "auto" for its own. for_new: the name for
    a new index, None for the default. Raises EncoderError for another encoder than the index's, or a missing one.
    """
    from indexer.encoders.encoder import load_encoder
    from indexer.index.index import Index

    named = None if option == AUTOMATIC else option
    if not Index.exists(location):
        return load_encoder(named or for_new, network=network)
    from latentsearch.search.search import encoder_of

    with Index.open(location) as opened:
        return encoder_of(opened, named, network=network)


def encoder_without_looking(location: Path, encoder: str | Path | None) -> Encoder | None:
    """Load the encoder of a run; None if a new index has to look at its pictures first."""
    from indexer.index.index import Index

    must_look = encoder in (None, AUTOMATIC) and not Index.exists(location)
    return None if must_look else encoder_for(location, encoder)


def encoder_for_scope(scope: Scope, memory: int | None = None) -> str:
    """Look at some pictures of a scope, choose the encoder of a new index, and log the choice with its reason.

    memory: the cap in bytes while they are decoded, None for the usual one.
    """
    looked = look(scope, memory)
    chosen = choose_encoder(looked)
    other = FOR_PHOTOS if chosen == FOR_FACES else FOR_FACES
    what = "for aligned faces" if chosen == FOR_FACES else "for pictures of any kind"
    logger.info(
        "encoder %s, %s: %d of %d pictures looked at are aligned faces; --encoder %s takes the other one",
        chosen, what, looked.aligned, looked.pictures, other,
    )  # fmt: skip
    return chosen


def look(scope: Scope, memory: int | None = None) -> Looked:
    """Decode up to LOOKED_AT pictures of a scope, and count the aligned faces among them.

    Files that cannot be decoded are not counted.
    """
    files = _spread(scope.estimate()) or _spread(scope.files())
    small = [file for file in files if file.size <= LARGEST]
    count, aligned = len(files) - len(small), 0
    if len(small) < LEAST_SHARE * len(files):
        return Looked(count, 0)
    for seen, faces in _seen(small, memory):
        count, aligned = count + seen, aligned + faces
        if count >= FEWEST and not SURELY_OTHERS <= aligned / count < SURELY_FACES:
            break
    return Looked(count, aligned)


def _spread(files: Iterable[object]) -> list[Found]:
    """Return up to LOOKED_AT files, evenly spaced among the first LISTED."""
    found = [file for file in islice(files, LISTED) if isinstance(file, Found)]
    rows = np.linspace(0, len(found) - 1, min(LOOKED_AT, len(found))).round().astype(int)
    # In random order, a part of them is like all of them.
    return [found[row] for row in np.random.default_rng(0).permutation(rows)]


def _seen(files: list[Found], memory: int | None) -> Iterator[tuple[int, int]]:
    """Decode files in one worker process, some at a time: yield how many pictures, and how many aligned faces."""
    from indexer.encoders.aligned import FRAMING, are_aligned_faces
    from indexer.encoders.encoder import find_bundle, read_model
    from indexer.workers.pool import DecodingPool

    model = read_model(find_bundle(FOR_FACES))
    with DecodingPool(FRAMING, _chunks(files), 1, memory) as pool:
        for chunk in filter(None, pool.results()):
            yield len(chunk.pixels), int(are_aligned_faces(chunk.pixels, model).sum())


def _chunks(files: list[Found]) -> Iterator[list[Job]]:
    from indexer.workers.tasks import Job

    for start in range(0, len(files), FEWEST):
        yield [Job(file.path, file.size, file.mtime_ns) for file in files[start : start + FEWEST]]
