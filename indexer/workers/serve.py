"""The worker process: decodes files or runs a task on them until its socket closes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes, read_file
from indexer.decoding.opened import silence
from indexer.encoders.framing import Framing
from indexer.errors import UnreadableImage
from indexer.files import sheets
from indexer.files.passed import SHEET_REASON
from indexer.workers.budget import Share
from indexer.workers.second_look import look_again
from indexer.workers.tasks import NO_PIXELS, DecodedChunk, FileTask, Item, Job, Outcome, Result


def decode_chunk(jobs: list[Job], framing: Framing, share: Share) -> DecodedChunk:
    """Read, hash and decode files, stopping early if the parent has given the remaining ones to other workers."""
    start = time.perf_counter()
    pixels = np.empty((len(jobs), framing.height, framing.width, 3), np.uint8)
    outcomes: list[Outcome] = []
    used = 0
    for number, job in enumerate(jobs):
        share.begin(number)
        outcome = _decode_one(job, framing, pixels, used, share)
        share.give_back()
        used += outcome.row != NO_PIXELS
        outcomes.append(outcome)
        if share.is_last:
            break
    return DecodedChunk(outcomes, pixels[:used], time.perf_counter() - start)


def _decode_one(job: Job, framing: Framing, pixels: NDArray[np.uint8], row: int, share: Share) -> Outcome:
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
        decoded = decode_bytes(content, framing, share.reserve, with_fingerprint=True, with_facts=True)
    except UnreadableImage as error:
        return Outcome(job, str(error), digest, may_pass=error.may_pass)
    except MemoryError:
        return Outcome(job, "not enough memory to read it", digest, may_pass=True)
    pixels[row] = decoded.pixels
    size = decoded.width, decoded.height
    fingerprint = decoded.fingerprint and decoded.fingerprint[:]
    facts = decoded.facts and decoded.facts[:]
    return Outcome(job, "", digest, *size, row, fingerprint, decoded.incomplete, facts=facts)


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
        while True:
            decoded = decode_chunk(connection.recv(), work, Share(connection))
            connection.send((decoded.outcomes, decoded.pixels.shape, decoded.seconds))
            _write_all(connection.fileno(), decoded.pixels)


def _write_all(descriptor: int, pixels: NDArray[np.uint8]) -> None:
    left = pixels.reshape(-1).data
    while left:
        left = left[os.write(descriptor, left) :]
