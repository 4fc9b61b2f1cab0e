"""Files that are decoded by several workers, and come out in the order in which they were listed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.decoding.decode import decode
from indexer.encoders.framing import Framing
from indexer.workers import in_order, tasks
from indexer.workers.in_order import decoded_in_order, job_at
from tests.deadly import DEADLY_SIZE, DeadlyFraming
from tests.support import draw_picture, make_folder

PLAIN = Framing(64, 64)


def test_pictures_come_in_order_with_failures_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CHUNK_FILES", 3)
    paths = make_folder(tmp_path, 20)
    draw_picture(1, DEADLY_SIZE).save(paths[4])
    paths[9].write_bytes(b"text")
    paths[13].unlink()
    listed = [*paths, paths[2], paths[9]]  # some of them twice
    found = list(decoded_in_order(DeadlyFraming(64, 64), map(job_at, listed), workers=2))
    assert [outcome.job.path for outcome, _ in found] == list(map(str, listed))
    bad = {4: "the process that decoded it died (SIGKILL)", 9: "not a picture: it holds text", 13: "no such file"}
    for place, (outcome, pixels) in enumerate(found):
        if listed[place] in [paths[row] for row in bad]:
            assert pixels is None and bad[paths.index(listed[place])] in outcome.reason
        else:
            assert pixels is not None and np.array_equal(pixels, decode(listed[place], PLAIN))


def test_few_wait_and_leaving_early_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_order, "BYTES_WAITING", 1)
    (path, *_) = make_folder(tmp_path, 1)
    given = 0

    def jobs():
        nonlocal given
        for _ in range(100_000):
            given += 1
            yield job_at(path)

    decoding = decoded_in_order(PLAIN, jobs(), workers=2)
    for _ in range(5):
        assert next(decoding)[1] is not None
    decoding.close()
    assert given <= 5 * tasks.CHUNK_FILES
