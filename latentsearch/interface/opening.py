"""Open an index, or make one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from latentsearch.interface.collection import Collection

if TYPE_CHECKING:
    from indexer.progress import StepReport
    from latentsearch.interface.duplicates import Duplicates


def open(path: str | Path | None = None) -> Collection:
    """Open an existing index.

    path: its folder; None for $LATENTSEARCH_INDEX, or else the user's data folder, as on the command line.
    Raises IndexStateError if there is no index, DamagedIndex if it cannot be read.

    >>> with ls.open(folder / "index") as pictures:
    ...     len(pictures)
    5
    """
    from indexer.index.index import Index

    return Collection(Index.open(Index.locate(path)))


def create(path: str | Path | None = None, encoder: str | Path | None = None) -> Collection:
    """Open an index; make a new one if there is none.

    path: its folder, as for `open`. encoder: a name that `encoders` lists or the folder of a bundle; None for the
    encoder of an existing index, or "parts" for a new one.
    Raises EncoderError if the index was made with another encoder or the encoder does not exist, InputError if the
    folder holds something else, LockedIndex while another process writes to the index.

    >>> with ls.create(folder / "another index", encoder="parts") as pictures:
    ...     pictures.add(folder / "pictures").found
    5
    """
    from indexer.encoders.encoder import load_encoder
    from indexer.index.index import Index
    from indexer.index.writer import IndexWriter
    from latentsearch.search.search import encoder_of

    folder = Index.locate(path)
    if Index.exists(folder):
        opened = open(folder)
        try:
            if encoder is not None:
                encoder_of(opened._index, os.fspath(encoder), network=False)
        except BaseException:
            opened.close()
            raise
        return opened
    IndexWriter.create(folder, load_encoder(encoder, network=False)).close()
    return open(folder)


def find_duplicates(
    path: str | Path | None = None,
    *,
    exact: bool = False,
    near: bool = False,
    on_progress: StepReport | None = None,
) -> Duplicates:
    """Find copies among the pictures of an index: `Collection.duplicates` without opening a collection first."""
    with open(path) as collection:
        return collection.duplicates(exact=exact, near=near, on_progress=on_progress)
