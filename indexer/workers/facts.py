"""The task of reading the facts of indexed pictures from their files, without decoding pixels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from indexer.decoding.decode import read_file
from indexer.decoding.opened import opened
from indexer.errors import UnreadableImage
from indexer.facts.read import facts_of
from indexer.numbers import size_and_mtime
from indexer.system.limits import Reserve
from indexer.workers.budget import Share
from indexer.workers.tasks import FileTask, PlainFacts

# Most JPEG files have all their metadata in this many bytes at the start; a longer head is read whole.
HEAD = 2**18
JPEG_SIGNATURE = b"\xff\xd8\xff"


class Stored(NamedTuple):
    """An indexed image: its id, path, size in bytes and modification time in nanoseconds since 1970."""

    image_id: int
    path: str
    size: int
    mtime_ns: int


class FactsRead(NamedTuple):
    """The facts of an image; may_pass: whether its file cannot be read now, or is another than was indexed."""

    image_id: int
    facts: PlainFacts = ()
    may_pass: bool = False


@dataclass(frozen=True)
class ReadFacts(FileTask[Stored, FactsRead]):
    """Reads the facts of images whose files are as they were indexed."""

    def do(self, item: Stored, share: Share) -> FactsRead:
        """Read the facts of one image; none if its file cannot be opened as a picture any more."""
        try:
            if size_and_mtime(os.stat(item.path)) != (item.size, item.mtime_ns):
                return FactsRead(item.image_id, may_pass=True)
            return FactsRead(item.image_id, _facts(item, share))
        except UnreadableImage as error:
            return FactsRead(item.image_id, may_pass=error.may_pass)
        except OSError:
            return FactsRead(item.image_id, may_pass=True)

    def failed(self, item: Stored, reason: str) -> FactsRead:
        """Return no facts for a file that kills or stalls its worker."""
        return FactsRead(item.image_id)


def _facts(item: Stored, share: Share) -> PlainFacts:
    """Read the start of a JPEG file, or the whole file if that does not suffice."""
    if item.size > HEAD:
        with open(item.path, "rb") as file:
            head = file.read(HEAD)
        if head.startswith(JPEG_SIGNATURE):
            try:
                return _facts_in(head, _unlimited)
            except UnreadableImage:
                pass
    share.reserve_file(item.size)
    return _facts_in(read_file(item.path), share.reserve)


def _unlimited(needed: int) -> None:
    """Reserve nothing: opening a JPEG file decodes no pixels."""


def _facts_in(data: bytes, reserve: Reserve) -> PlainFacts:
    with opened(data, reserve) as picture:
        return facts_of(picture, data)[:]
