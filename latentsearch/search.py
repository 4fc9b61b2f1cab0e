"""An image, or a stored id -> the pictures of the index that are most like it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import ImageRecord
from indexer.decode import decode
from indexer.discover import printable
from indexer.encoder import Encoder, load_encoder
from indexer.errors import IndexStateError, InputError
from indexer.index import Index
from latentsearch.results import Hit, Results, Took


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {"load": 0.0, "encode": 0.0, "search": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[name] += 1000 * (time.perf_counter() - start)

    def took(self) -> Took:
        """What was measured, to a hundredth of a millisecond."""
        return Took(**{name: round(spent, 2) for name, spent in self.spent.items()})


def search(
    query: Path | int, k: int, *, index: str | None = None, encoder: str | None = None, exclude_self: bool = False
) -> Results:
    """Find the k pictures of an index that are most like a picture.

    query: its file, or the id of a stored one, whose stored code is used. index: the folder, None for the usual one.
    encoder: must be the index's own; None takes that. exclude_self: leave out the picture and its exact copies.
    Raises InputError (no such picture or id, k below 1), UnreadableImage, IndexStateError, EncoderError.
    """
    _check(query, k)
    watch = Stopwatch()
    with watch.stage("load"):
        opened = _open_filled(index)
    with opened:
        with watch.stage("load"):
            model = encoder_of(opened, encoder, network=isinstance(query, Path))
        with watch.stage("encode"):
            code = _code(query, opened, model)
        with watch.stage("search"):
            name = str(query) if isinstance(query, Path) else opened.images([query])[0].path
            itself = _itself(query, opened) if exclude_self else None
            hits = _hits(opened, model, *_nearest(opened, code, k, itself))
    return Results(name, model.name, str(opened.folder), watch.took(), hits)


def encoder_of(index: Index, option: str | None = None, *, network: bool = True) -> Encoder:
    """Load the encoder that an index was made with.

    option: a bundle's name or folder that must be that encoder. network: False where nothing will be encoded.
    Raises EncoderError where it is another one.
    """
    source = Path(index.encoder_source)
    found = source if (source / "model.json").is_file() else index.encoder_name
    encoder = load_encoder(option or found, network=network)
    index.facts.require(encoder, index.folder)
    return encoder


def _check(query: Path | int, k: int) -> None:
    if k < 1:
        raise InputError(f"k is {k}: ask for at least 1 picture")
    if isinstance(query, int):
        return
    if query.is_dir():
        raise InputError(f"{printable(query)} is a folder: name one picture, or add it with `latentsearch index`")
    if not query.exists():
        raise InputError(f"there is no picture at {printable(query)}: check the path")


def _open_filled(option: str | None) -> Index:
    index = Index.open(Index.locate(option))
    if index.count() == 0:
        index.close()
        raise IndexStateError(
            f"the index at {printable(index.folder)} is empty: add pictures with `latentsearch index DIR`"
        )
    return index


def _code(query: Path | int, index: Index, encoder: Encoder) -> NDArray[np.float32]:
    if isinstance(query, int):
        return index.code(query)
    codes = encoder.encode(decode(query, encoder.framing)[None])
    return codes.reshape(-1)


@dataclass(frozen=True)
class Itself:
    """What a query is known by in the index: the ids under its path, the SHA-256 of its content."""

    ids: tuple[int, ...]
    digest: bytes


def _itself(query: Path | int, index: Index) -> Itself:
    if isinstance(query, int):
        return Itself((query,), index.images([query])[0].digest)
    names = {os.path.abspath(query), os.path.realpath(query)}
    stored = (index.id_of(name) for name in sorted(names))
    with query.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    return Itself(tuple(image_id for image_id in stored if image_id is not None), digest)


def _nearest(
    index: Index, code: NDArray[np.float32], k: int, itself: Itself | None
) -> tuple[NDArray[np.float32], list[ImageRecord]]:
    """The distances and images of the k nearest; copies that turn up are excluded from another search."""
    excluded = list(itself.ids) if itself else []
    while True:
        distances, ids = index.search(code[None], k, exclude_ids=excluded)
        records = index.images(ids[0].tolist())
        copies = [record.id for record in records if itself and record.digest == itself.digest]
        if not copies:
            return distances[0], records
        excluded += copies


def _hits(
    index: Index, encoder: Encoder, distances: NDArray[np.float32], records: list[ImageRecord]
) -> tuple[Hit, ...]:
    labels = index.labels([record.id for record in records])
    similarities = encoder.similarity(distances)
    ranked = enumerate(zip(records, distances.tolist(), similarities.tolist(), strict=True), start=1)
    return tuple(
        Hit(rank, record.id, record.path, distance, similarity, labels.get(record.id, {}))
        for rank, (record, distance, similarity) in ranked
    )
