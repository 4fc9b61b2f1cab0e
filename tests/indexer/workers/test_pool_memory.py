"""Large pictures in a pool: they take turns at the memory, and nobody else waits for them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.core.child_process import family, resident
from indexer.encoders.framing import CELEBA, Framing
from indexer.workers import budget, pool
from indexer.workers.budget import MAIN_BYTES, WORKER_BYTES, Budget
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import Job, Outcome
from indexer.workers.worker import Worker
from tests.deadly import LARGE_DEADLY_SIZE, DeadlyFraming
from tests.support import make_folder

# As RGB, 160 MB when decoded, and 8 MB more while a strip of it is converted.
LARGE_SIZE = (10_000, 4_000)
DECODED, NEEDED = 160_000_000, 168_500_000
ROOM = 200_000_000
CAP = MAIN_BYTES + 2 * WORKER_BYTES + ROOM


@pytest.fixture(autouse=True)
def small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes what is set aside for it, whatever the tests have imported."""
    monkeypatch.setattr(budget, "own_bytes", lambda: 0)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures that fit into the cap one by one only."""
    return draw_flat(tmp_path_factory.mktemp("large"), 6, LARGE_SIZE)


def draw_flat(folder: Path, count: int, size: tuple[int, int], suffix: str = "png") -> list[Path]:
    paths = [folder / f"{number}.{suffix}" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", size, (40 * number, 200, 90)).save(path)
    return paths


def jobs_for(paths: list[Path]) -> list[Job]:
    return [Job(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def run(chunks: list[list[Job]], cap: int = CAP, framing: Framing = CELEBA) -> list[Outcome]:
    with DecodingPool(framing, chunks, workers=2, memory=cap) as decoding:
        return [outcome for chunk in filter(None, decoding.results()) for outcome in chunk.outcomes]


def has_begun(process: int) -> bool:
    """Whether a process runs a program of its own: one that was forked a moment ago still counts as all of this one."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != Path("/proc/self/cmdline").read_bytes()
    except OSError:
        return False


class Watch(threading.Thread):
    """The most memory of their own that the children have at one moment that this process starts from now on."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self._stopping = 0, threading.Event()
        self._before = set(family(os.getpid()))  # what an earlier test has left may take a while to end

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        while not self._stopping.wait(0.003):
            children = filter(has_begun, set(family(os.getpid())) - self._before)
            self.peak = max(self.peak, sum(resident(child)[0] for child in children))


@pytest.mark.parametrize("in_one_chunk", [True, False])
def test_pictures_that_fit_one_by_one_are_decoded_one_by_one(large: list[Path], in_one_chunk: bool) -> None:
    jobs = jobs_for(large)
    with Watch() as watch:
        outcomes = run([jobs] if in_one_chunk else [[job] for job in jobs])
    assert sorted(outcome.job.path for outcome in outcomes) == [str(path) for path in large]
    assert [outcome.reason for outcome in outcomes] == [""] * len(large)
    assert DECODED < watch.peak < CAP - MAIN_BYTES


def test_where_there_is_room_for_two_two_are_decoded_at_once(large: list[Path]) -> None:
    with Watch() as watch:
        outcomes = run([jobs_for(large)], CAP + ROOM)
    assert [outcome.reason for outcome in outcomes] == [""] * len(large)
    # The moment at which both are decoded whole may be missed; one alone never takes as much.
    assert 1.5 * DECODED < watch.peak < CAP + ROOM - MAIN_BYTES


def test_files_count_while_they_are_read(tmp_path: Path) -> None:
    """Uncompressed: 120 MB of file, then 160 MB of pixels and a strip."""
    paths = draw_flat(tmp_path, 4, LARGE_SIZE, "bmp")
    with Watch() as watch:
        outcomes = run([jobs_for(paths)], CAP + 100_000_000)
    assert [outcome.reason for outcome in outcomes] == [""] * len(paths)
    assert watch.peak < CAP + 100_000_000 - MAIN_BYTES


def test_one_that_alone_exceeds_the_cap_is_refused_and_costs_no_time(large: list[Path], tmp_path: Path) -> None:
    small = make_folder(tmp_path, 3)
    with Watch() as watch:
        outcomes = run([jobs_for([*large, *small])], CAP - ROOM + NEEDED - 5_000_000)
    reasons = {outcome.job.path: outcome.reason for outcome in outcomes}
    assert len(reasons) == len(outcomes) == len(large) + len(small)
    assert all("more than the cap of" in reasons[str(path)] for path in large)
    assert not any(reasons[str(path)] for path in small)
    assert watch.peak < 2 * WORKER_BYTES


def test_what_stands_behind_a_large_picture_does_not_wait_for_it(
    large: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is the time that a picture waits for memory held against it."""
    monkeypatch.setattr(pool, "SECONDS_A_CHUNK", 1.5)
    small = make_folder(tmp_path, 4)
    with DecodingPool(CELEBA, [jobs_for([*small[:2], large[0], *small[2:]])], 2, CAP) as decoding:
        decoding._budget.take("another", ROOM, False, lambda: None)
        outcomes: list[Outcome] = []
        began = time.monotonic()
        for chunk in decoding.results():
            outcomes += chunk.outcomes if chunk else []
            if time.monotonic() - began > 3:
                if decoding._budget._held.get("another"):
                    assert {outcome.job.path for outcome in outcomes} == set(map(str, small[2:]))
                decoding._budget.give_back("another")
    assert sorted(outcome.job.path for outcome in outcomes) == sorted(map(str, [*small, large[0]]))
    assert not any(outcome.reason for outcome in outcomes)


def test_a_worker_that_dies_gives_its_memory_back(large: list[Path], tmp_path: Path) -> None:
    (deadly,) = draw_flat(tmp_path, 1, LARGE_DEADLY_SIZE)
    outcomes = run([jobs_for([deadly, *large[:3]])], CAP, DeadlyFraming(64, 64))
    reasons = {outcome.job.path: outcome.reason for outcome in outcomes}
    assert len(reasons) == len(outcomes) == 4
    assert reasons.pop(str(deadly)) == "the process that decoded it died (SIGKILL)"
    assert not any(reasons.values())


def test_what_a_picture_took_goes_back_to_the_system(large: list[Path], tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.effect_noise((3_000, 3_000), 80).convert("RGB").save(noise, compress_level=1)
    worker = Worker(CELEBA, Budget(CAP, 2))
    for path in (noise, *large[:2], noise):
        assert not worker.decode(jobs_for([path])).outcomes[0].reason
        assert sum(resident(worker._process.pid)) < WORKER_BYTES
    worker.end()


def test_leaving_sends_away_whoever_waits_for_memory(large: list[Path]) -> None:
    with DecodingPool(CELEBA, [jobs_for(large)], 2, CAP) as decoding:
        decoding._budget.take("another", ROOM, False, lambda: None)
        assert next(decoding.results()) is None
        start = time.monotonic()
    assert time.monotonic() - start < 5


def test_fewer_chunks_of_larger_pictures_wait_to_be_taken() -> None:
    def chunks() -> Iterator[list[Job]]:
        yield from ()

    small, large = (DecodingPool(Framing(side, side), chunks(), 2) for side in (64, 1_024))
    assert (small._ready.maxsize, large._ready.maxsize) == (pool.CHUNKS_AHEAD, 2)
    assert np.prod((64, 64, 3, 64, small._ready.maxsize)) < pool.BYTES_AHEAD
