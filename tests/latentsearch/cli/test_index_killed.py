"""`latentsearch index` as a real process that is interrupted and killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from latentsearch.cli import main
from tests.support import make_bundle, make_celeba

COUNT = 160
KILLS = 20
# Small chunks and many commits, and time between them to be killed in, so that a run of a second has as many stages as
# one of an hour.
RUN = """
import time
import indexer.pipeline.store, indexer.workers.tasks
add = indexer.pipeline.store.Store.add
indexer.pipeline.store.Store.add = lambda store, decoded: (add(store, decoded), time.sleep(0.04))
indexer.workers.tasks.CHUNK_FILES, indexer.pipeline.store.SECONDS_BETWEEN_COMMITS = 8, 0.02
from latentsearch.cli import main
main({arguments}, prog_name="latentsearch")
"""


class Collection:
    """Drawn faces with labels and a few bad files, and how to index them."""

    def __init__(self, folder: Path) -> None:
        self.faces = folder / "faces"
        self.bundle = make_bundle(folder / "bundles")
        make_celeba(self.faces, COUNT)
        for number in range(5):
            (self.faces / f"bad{number}.jpg").write_text("not a picture")

    def arguments(self, index: Path) -> list[str]:
        return ["index", str(self.faces), "--index", str(index), "--encoder", str(self.bundle), "--json"]

    def start(self, index: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", RUN.format(arguments=self.arguments(index))]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, index: Path) -> dict[str, Any]:
        result = CliRunner().invoke(main, self.arguments(index))
        assert result.exit_code == 0, result.stderr
        summary: dict[str, Any] = json.loads(result.stdout)
        return summary


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return Collection(tmp_path_factory.mktemp("collection"))


def content(folder: Path) -> tuple[dict[str, Any], np.ndarray, list[tuple[str, str]], list[list[str]]]:
    """All that an index says, without ids: images and labels by path, codes in that order, failures, search results."""
    with IndexWriter.open(folder) as index:
        records = sorted(index.catalog.images.all(), key=lambda record: record.path)
        ids = [record.id for record in records]
        labels = index.labels(ids)
        images = {record.path: (*record[2:7], labels[record.id]) for record in records}
        codes = index.codes(ids)
        names = {record.id: record.path for record in records}
        found = [[names[image_id] for image_id in row] for row in index.search(codes[::40], 10)[1].tolist()]
        failures = [(failure.path, failure.reason) for failure in index.failures()]
        assert index.check().problems == []
    return images, codes, failures, found


def assert_same(first: Path, second: Path) -> None:
    images, codes, failures, found = content(first)
    other_images, other_codes, other_failures, other_found = content(second)
    assert (images, failures, found) == (other_images, other_failures, other_found)
    # A code may differ in its last bit with the pictures that were encoded beside it.
    assert np.allclose(codes, other_codes, atol=1e-6)


def test_killed_at_any_moment_and_run_again_is_as_if_undisturbed(collection: Collection, tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    start = time.monotonic()
    process = collection.start(undisturbed)
    process.communicate()
    assert process.returncode == 0
    seconds = time.monotonic() - start
    kept = []
    for number in range(KILLS):
        index = tmp_path / f"killed-{number}"
        process = collection.start(index)
        time.sleep(random.uniform(0.1, 1) * seconds)
        process.kill()
        process.communicate()
        summary = collection.run(index)
        kept.append(summary["unchanged"])
        assert summary["found"] == COUNT + 5
        assert summary["encoded"] + summary["unchanged"] == COUNT
        assert_same(index, undisturbed)
    assert any(0 < count < COUNT for count in kept), "no run was killed between its first and its last commit"


def test_killed_again_and_again_ends_all_the_same(collection: Collection, tmp_path: Path) -> None:
    index, undisturbed = tmp_path / "index", tmp_path / "undisturbed"
    for _ in range(6):
        process = collection.start(index)
        time.sleep(random.uniform(0.3, 1.2))
        process.kill()
        process.communicate()
    collection.run(index), collection.run(undisturbed)
    assert_same(index, undisturbed)


def test_ctrl_c_ends_cleanly(collection: Collection, tmp_path: Path) -> None:
    process = collection.start(tmp_path / "index")
    while not Index.exists(tmp_path / "index"):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == (
        "latentsearch: interrupted: the pictures encoded so far are kept; run the same command again to continue\n"
    )
    summary = collection.run(tmp_path / "index")
    assert summary["encoded"] + summary["unchanged"] == COUNT


def test_nothing_is_shown_on_stderr_in_a_pipe(collection: Collection, tmp_path: Path) -> None:
    process = collection.start(tmp_path / "index")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert json.loads(stdout)["encoded"] == COUNT
