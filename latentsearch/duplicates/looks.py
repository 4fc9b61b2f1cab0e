"""Tasks of worker processes on single files: make fingerprints, and read the facts of candidates."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import read_file
from indexer.decoding.fingerprint import BYTES, Fingerprint, fingerprint_of
from indexer.errors import UnreadableImage
from indexer.system.limits import Reserve
from indexer.workers.budget import Share
from indexer.workers.tasks import FileTask
from latentsearch.duplicates.compare.alignment import SIDE
from latentsearch.duplicates.compare.contents import Facts, facts_of
from latentsearch.duplicates.compare.frames import all_frames, first_frame, is_several
from latentsearch.duplicates.compare.judge import CHANGED

# The most frames after the first that get a fingerprint; of more, evenly spaced ones are chosen.
FRAMES_KEPT = 64
# Frames whose fingerprints differ by less than this on average, on a scale of 255, find the same candidates, so one of
# them is enough.
DIFFERENCE = 3.0
# Pixels on the shorter side that a fingerprint needs.
ENOUGH = 64


class Indexed(NamedTuple):
    """A file as it was indexed."""

    path: str
    size: int
    digest: bytes


class Fingerprinted(NamedTuple):
    """A file's fingerprint, or the reason why there is none."""

    path: str
    reason: str
    fingerprint: Fingerprint | None = None


class Looked(NamedTuple):
    """A file's facts and its grey picture, SIDE x SIDE bytes, or the reason why there are none."""

    path: str
    reason: str
    facts: Facts = Facts()
    grey: bytes = b""


class MakeFingerprints(FileTask[Indexed, Fingerprinted]):
    """Makes the fingerprint of each file, and those of its further frames."""

    def do(self, item: Indexed, share: Share) -> Fingerprinted:
        """Read a file and make its fingerprint."""
        try:
            return Fingerprinted(item.path, "", _fingerprint(_read(item, share), share.reserve))
        except UnreadableImage as error:
            return self.failed(item, str(error))

    def failed(self, item: Indexed, reason: str) -> Fingerprinted:
        """Return the reason instead of a fingerprint."""
        return Fingerprinted(item.path, reason)


class LookAtFiles(FileTask[Indexed, Looked]):
    """Reads the facts and the grey picture of each file."""

    def do(self, item: Indexed, share: Share) -> Looked:
        """Read one file."""
        try:
            facts, grey = facts_of(_read(item, share), SIDE, share.reserve)
        except UnreadableImage as error:
            return self.failed(item, str(error))
        return Looked(item.path, "", facts, grey.tobytes())

    def failed(self, item: Indexed, reason: str) -> Looked:
        """Return the reason instead of facts."""
        return Looked(item.path, reason)


def _read(item: Indexed, share: Share) -> bytes:
    share.reserve_file(item.size)
    data = read_file(item.path)
    if hashlib.sha256(data).digest() != item.digest:
        raise UnreadableImage(CHANGED)
    return data


def _fingerprint(data: bytes, reserve: Reserve) -> Fingerprint:
    if not is_several(data):
        return fingerprint_of(first_frame(data, ENOUGH, reserve))
    frames = all_frames(data, reserve)
    first = fingerprint_of(next(frames))
    found = [_grey(first.white)]
    for frame in frames:
        seen = _grey(fingerprint_of(frame).white)
        if min(np.abs(seen - other).mean() for other in found) >= DIFFERENCE:
            found.append(seen)
    others = found[1:]
    chosen = {round(number) for number in np.linspace(0, len(others) - 1, min(FRAMES_KEPT, len(others)))}
    # None if all frames look the same; b"" would mean that the frames have not been examined.
    kept = b"".join(others[number].astype(np.uint8).tobytes() for number in sorted(chosen)) or None
    return first._replace(frames=kept)


def _grey(fingerprint: bytes) -> NDArray[np.float32]:
    return np.frombuffer(fingerprint, np.uint8, BYTES).astype(np.float32)
