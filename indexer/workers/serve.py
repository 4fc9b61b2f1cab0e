"""The worker process: decodes files or runs a task on them until its socket closes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import Decoded, decode_bytes, read_file
from indexer.decoding.opened import silence
from indexer.encoders.framing import Framing
from indexer.errors import UnreadableImage
from indexer.files import sheets
from indexer.files.passed import SHEET_REASON
from indexer.workers.budget import Share
from indexer.workers.second_look import look_again
from indexer.workers.tasks import NO_FACES, NO_PIXELS, DecodedChunk, FileTask, Item, Job, Outcome, PlainFace, Result

if TYPE_CHECKING:
    from indexer.faces.framing import WithFaces


def decode_chunk(jobs: list[Job], framing: Framing, share: Share, faces: FacesOfChunk | None = None) -> DecodedChunk:
    """Read, hash and decode files, stopping early if the parent has given the remaining ones to other workers.

    faces: finds the faces in the pictures; None to find none.
    """
    start = time.perf_counter()
    pixels = np.empty((len(jobs), framing.height, framing.width, 3), np.uint8)
    outcomes: list[Outcome] = []
    used = 0
    for number, job in enumerate(jobs):
        share.begin(number)
        outcome = _decode_one(job, framing, pixels, used, share, faces)
        share.give_back()
        used += outcome.row != NO_PIXELS
        outcomes.append(outcome)
        if share.is_last:
            break
    seconds = time.perf_counter() - start
    if faces is None:
        return DecodedChunk(outcomes, pixels[:used], seconds)
    found, face_seconds = faces.take()
    return DecodedChunk(outcomes, pixels[:used], seconds - face_seconds, found, face_seconds)


def _decode_one(
    job: Job, framing: Framing, pixels: NDArray[np.uint8], row: int, share: Share, faces: FacesOfChunk | None
) -> Outcome:
    digest = b""
    try:
        if job.again:
            look_again(job.path)
        share.reserve_file(job.size)
        content = read_file(job.path)
        if job.unless_sheet and sheets.is_sheet(content):
            return Outcome(job, SHEET_REASON)
        digest = hashlib.sha256(content).digest()
        if digest in job.known:
            return Outcome(job, "", digest)
        options = {"with_fingerprint": True, "with_picture": faces is not None, "with_facts": True}
        decoded = decode_bytes(content, framing, share.reserve, **options)
        found = faces.find(decoded) if faces is not None else None
    except UnreadableImage as error:
        return Outcome(job, str(error), digest, may_pass=error.may_pass)
    except MemoryError:
        return Outcome(job, "not enough memory to read it", digest, may_pass=True)
    pixels[row] = decoded.pixels
    size = decoded.width, decoded.height
    fingerprint = decoded.fingerprint and decoded.fingerprint[:]
    facts = decoded.facts and decoded.facts[:]
    return Outcome(job, "", digest, *size, row, fingerprint, decoded.incomplete, faces=found, facts=facts)


class FacesOfChunk:
    """Finds the faces in the pictures of one chunk after another, and collects their pixels."""

    def __init__(self, framing: WithFaces) -> None:
        from indexer.faces.detector import load_detector
        from indexer.faces.finder import FaceFinder

        assert framing.faces is not None
        self._finder = FaceFinder(load_detector(Path(framing.detector)), framing.faces)
        self._pixels: list[NDArray[np.uint8]] = []
        self._seconds = 0.0

    def find(self, decoded: Decoded) -> tuple[PlainFace, ...]:
        """Find the faces in a picture that was decoded with its picture."""
        start = time.perf_counter()
        assert decoded.picture is not None
        faces, pixels = self._finder.find(decoded.picture, decoded.width, decoded.height)
        self._pixels.append(pixels)
        self._seconds += time.perf_counter() - start
        return tuple((face.box, face.points, face.score) for face in faces)

    def take(self) -> tuple[NDArray[np.uint8], float]:
        """Return and forget the pixels since the last call, uint8 (m, h, w, 3), and the seconds that they took."""
        taken, seconds = np.concatenate(self._pixels) if self._pixels else NO_FACES, self._seconds
        self._pixels, self._seconds = [], 0.0
        return taken, seconds


def do_chunk(task: FileTask[Item, Result], items: list[Item], share: Share) -> list[Result]:
    """Run a task on items, stopping early if the parent has given the remaining ones to other workers."""
    results: list[Result] = []
    for number, item in enumerate(items):
        share.begin(number)
        try:
            results.append(task.do(item, share))
        except MemoryError:
            results.append(task.failed(item, "not enough memory to look at it"))
        share.give_back()
        if share.is_last:
            break
    return results


def serve(descriptor: int) -> None:
    """Serve as a worker on a socket until it closes."""
    connection = Connection(descriptor)
    # Set the warning filters once: doing so for each picture takes 3 % of the time to decode a small one.
    with silence, contextlib.suppress(EOFError, OSError):
        work = connection.recv()
        connection.send("ready")
        while isinstance(work, FileTask):
            connection.send(do_chunk(work, connection.recv(), Share(connection)))
        faces = _faces_of(work)
        while True:
            decoded = decode_chunk(connection.recv(), work, Share(connection), faces)
            shapes = decoded.pixels.shape, decoded.seconds, decoded.faces.shape, decoded.face_seconds
            connection.send((decoded.outcomes, *shapes))
            _write_all(connection.fileno(), decoded.pixels)
            _write_all(connection.fileno(), decoded.faces)


def _faces_of(framing: Framing) -> FacesOfChunk | None:
    """Load the detector, if faces are wanted; the class of the framing says so before any module is imported."""
    return FacesOfChunk(framing) if getattr(framing, "faces", None) is not None else None  # type: ignore[arg-type]


def _write_all(descriptor: int, pixels: NDArray[np.uint8]) -> None:
    left = pixels.reshape(-1).data
    while left:
        left = left[os.write(descriptor, left) :]
