"""Workers that decode, and what happens when one dies."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.decoding.decode import decode
from indexer.encoders.framing import CELEBA, Framing
from indexer.workers import pool, worker
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import Job, Outcome
from indexer.workers.worker import Worker
from tests.deadly import DEADLY_SIZE, DeadlyFraming, StallingFraming
from tests.support import draw_picture, make_folder


def jobs_for(paths: list[Path]) -> list[Job]:
    return [Job(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def run(chunks: list[list[Job]], framing: Framing = CELEBA) -> dict[str, tuple[Outcome, np.ndarray | None]]:
    found = {}
    with DecodingPool(framing, chunks, workers=2) as decoding:
        for decoded in filter(None, decoding.results()):
            for outcome in decoded.outcomes:
                pixels = decoded.pixels[outcome.row] if outcome.row >= 0 else None
                found[outcome.job.path] = (outcome, pixels)
    return found


def test_chunks_are_decoded_and_hashed(tmp_path: Path) -> None:
    paths = make_folder(tmp_path, 9)
    jobs = jobs_for(paths)
    found = run([jobs[:4], jobs[4:8], jobs[8:]])
    assert sorted(found) == [str(path) for path in paths]
    for path in paths:
        outcome, pixels = found[str(path)]
        assert outcome.digest == hashlib.sha256(path.read_bytes()).digest()
        assert (outcome.width, outcome.height, outcome.reason) == (178, 218, "")
        assert pixels is not None and np.array_equal(pixels, decode(path, CELEBA))


def test_known_contents_and_bad_files_have_no_pixels(tmp_path: Path) -> None:
    known, fresh = make_folder(tmp_path, 2)
    (tmp_path / "bad.jpg").write_bytes(b"text")
    digest = hashlib.sha256(known.read_bytes()).digest()
    first, second, third = jobs_for([known, tmp_path / "bad.jpg", fresh])
    found = run([[first._replace(known=(digest,)), second, third]])
    assert [outcome.row for outcome, _ in found.values()] == [-1, -1, 0]
    assert [outcome.reason for outcome, _ in found.values()] == ["", "not a picture: it holds text", ""]


def test_a_picture_that_kills_its_worker_is_the_only_one_lost(tmp_path: Path) -> None:
    paths = make_folder(tmp_path, 7)
    draw_picture(1, DEADLY_SIZE).save(paths[3])
    jobs = jobs_for(paths)
    found = run([jobs[:5], jobs[5:]], DeadlyFraming(64, 64))
    failed = {path: outcome.reason for path, (outcome, _) in found.items() if outcome.reason}
    assert failed == {str(paths[3]): "the process that decoded it died (SIGKILL)"}
    assert len(found) == 7


def test_a_file_that_stalls_is_the_only_one_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SECONDS_A_CHUNK", 2.0)
    monkeypatch.setattr(pool, "SECONDS_A_FILE", 1.0)
    monkeypatch.setattr(worker, "SECONDS_TO_DIE", 0.2)
    paths = make_folder(tmp_path, 5)
    draw_picture(1, DEADLY_SIZE).save(paths[3])
    found = run([jobs_for(paths)], StallingFraming(64, 64))
    failed = {path: outcome.reason for path, (outcome, _) in found.items() if outcome.reason}
    assert failed == {str(paths[3]): "reading and decoding it took more than 1 s"}
    assert len(found) == 5


def test_an_error_in_the_list_of_files_reaches_the_caller(tmp_path: Path) -> None:
    def chunks() -> Iterator[list[Job]]:
        yield jobs_for(make_folder(tmp_path, 2))
        raise RuntimeError("the disk is gone")

    with DecodingPool(CELEBA, chunks(), workers=2) as decoding, pytest.raises(RuntimeError, match="the disk is gone"):
        list(decoding.results())


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    jobs = jobs_for(make_folder(tmp_path, 3))
    with DecodingPool(CELEBA, ([job] for job in jobs * 500), workers=2) as decoding:
        next(filter(None, decoding.results()))
        start = time.monotonic()
    assert time.monotonic() - start < 10


def test_a_list_of_files_that_stalls_holds_up_nobody_who_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SECONDS_TO_END", 0.5)
    drive_is_back = threading.Event()

    def chunks() -> Iterator[list[Job]]:
        yield jobs_for(make_folder(tmp_path, 2))
        drive_is_back.wait(60)

    with DecodingPool(CELEBA, chunks(), workers=2) as decoding:
        next(filter(None, decoding.results()))
        start = time.monotonic()
    assert time.monotonic() - start < 10
    drive_is_back.set()


def test_a_worker_ends_when_its_parent_is_gone() -> None:
    worker = Worker(CELEBA)
    worker._connection.close()
    assert worker._process.wait(timeout=30) == 0
