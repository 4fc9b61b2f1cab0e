"""What goes wrong around an index: full disks, read-only folders, damaged files, files that change under the run."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.experiments.faults.sigkill import downgrade
from indexer.catalog import catalog as catalogs
from indexer.index.index import Index
from indexer.index.status import status_of
from indexer.index.writer import IndexWriter
from indexer.pipeline import plan, store
from indexer.workers import pool, tasks
from indexer.workers.tasks import DecodedChunk, Job
from indexer.workers.worker import Worker
from tests.latentsearch.collection import call
from tests.latentsearch.unprivileged import read_only, run_unprivileged
from tests.support import draw_picture, make_bundle, make_folder

COUNT = 24


@dataclass(frozen=True)
class Place:
    """Pictures in two folders, their labels, and their index."""

    pictures: Path
    index: Path
    bundle: Path

    def run(self, *options: str) -> dict[str, int]:
        """Index the pictures; the counters that are not 0."""
        done = call("index", self.pictures, "--index", self.index, "--encoder", self.bundle, "--json", *options)
        assert done.exit_code == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary["found"] == sum(summary[name] for name in ("encoded", "copied", "unchanged", "moved", "failed"))
        return {name: count for name, count in summary.items() if isinstance(count, int) and count}

    def paths(self) -> list[str]:
        with IndexWriter.open(self.index) as index:
            assert index.check().problems == []
            return sorted(os.path.relpath(record.path, self.pictures) for record in index.catalog.images.all())

    def failures(self) -> dict[str, str]:
        with Index.open(self.index) as index:
            return {os.path.relpath(failure.path, self.pictures): failure.reason for failure in index.failures()}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def fresh(tmp_path: Path, bundle: Path) -> Place:
    make_folder(tmp_path / "pictures" / "a", COUNT // 2)
    make_folder(tmp_path / "pictures" / "b", COUNT // 2, seed=1)
    return Place(tmp_path / "pictures", tmp_path / "index", bundle)


@pytest.fixture
def place(fresh: Place) -> Place:
    table = fresh.pictures.parent / "labels.csv"
    table.write_text("file,mood\n" + "".join(f"a/{number:06}.jpg,glad\n" for number in range(1, COUNT // 2)))
    assert fresh.run("--labels", str(table)) == {"found": COUNT, "encoded": COUNT}
    return fresh


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four files, by one worker, looked up as they come."""
    monkeypatch.setattr(tasks, "CHUNK_FILES", 4)
    monkeypatch.setattr(plan, "ASKED_AT_ONCE", 4)
    monkeypatch.setattr(pool, "cores", lambda: 1)


def around_decoding(
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[], object] | None = None,
    after: Callable[[], object] | None = None,
) -> None:
    """Do something once, just before or just after the first chunk is read."""
    decode = Worker.decode
    done: list[str] = []

    def wrapped(worker: Worker, jobs: list[Job], seconds: float | None = None) -> DecodedChunk:
        if before and "before" not in done:
            done.append("before")
            before()
        decoded = decode(worker, jobs, seconds)
        if after and "after" not in done:
            done.append("after")
            after()
        return decoded

    monkeypatch.setattr(Worker, "decode", wrapped)


# A full disk


def test_a_catalogue_that_cannot_grow_keeps_what_was_committed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(place.pictures / "more", 40, seed=7)
    connect = catalogs.connect

    def limited(path: Path, options: str) -> Any:
        connection = connect(path, options)
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        connection.rollback()
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(catalogs, "connect", limited)
        done = call("index", place.pictures, "--index", place.index)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "no space left for the index" in done.stderr
    assert len(place.paths()) == COUNT
    assert place.run() == {"found": COUNT + 40, "encoded": 40, "unchanged": COUNT}


def test_a_base_for_which_no_space_is_left_is_made_by_the_next_run(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("indexer.vectors.faiss_file._Checked.write", full)
        done = call("index", fresh.pictures, "--index", fresh.index, "--encoder", fresh.bundle)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert sorted(path.name for path in fresh.index.iterdir()) == ["catalog.sqlite", "codes.f32", "writer.lock"]
    assert call("query", "--id", "1", "-k", "3", "--index", fresh.index).exit_code == 0
    assert fresh.run() == {"found": COUNT, "unchanged": COUNT}
    assert (fresh.index / "vectors.faiss").exists()


# A read-only folder


def test_a_read_only_index_can_be_searched_and_says_so_when_it_is_to_be_written(place: Place) -> None:
    with read_only(place.index):
        for verb in (["query", "--id", "1"], ["status"], ["labels"]):
            done = run_unprivileged(*verb, "--index", place.index)
            assert (done.returncode, done.stderr) == (0, ""), verb
        for verb in (["index", place.pictures], ["remove", place.pictures / "a"], ["check"]):
            done = run_unprivileged(*verb, "--index", place.index)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), verb
            assert "permission" in done.stderr
        done = run_unprivileged("index", place.pictures, "--index", place.index / "new", "--encoder", place.bundle)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert len(place.paths()) == COUNT


def test_a_read_only_index_of_an_earlier_version_is_one_sentence(place: Place) -> None:
    downgrade(place.index / "catalog.sqlite")
    with read_only(place.index):
        done = run_unprivileged("status", "--index", place.index)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "an earlier latentsearch made it, and it must be brought up to date first" in done.stderr
    assert len(place.paths()) == COUNT


def test_a_read_only_index_whose_writer_was_killed_is_one_sentence(place: Place) -> None:
    path = place.index / "catalog.sqlite"
    shutil.copy(path, path.with_name("before"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE image SET size = size + 1")
    connection.commit()
    left = path.with_name("catalog.sqlite-wal").read_bytes()
    connection.close()
    path.with_name("before").replace(path)
    path.with_name("catalog.sqlite-wal").write_bytes(left)
    with read_only(place.index):
        done = run_unprivileged("status", "--index", place.index)
    assert (done.returncode, done.stderr.count("\n")) == (6, 1), done.stderr
    assert "copy the index to where it can be written to" in done.stderr
    assert call("status", "--index", place.index).exit_code == 0


# Damaged files


def test_a_corrupt_page_anywhere_in_the_catalogue_is_found_and_crashes_nothing(place: Place, tmp_path: Path) -> None:
    whole = (place.index / "catalog.sqlite").read_bytes()
    noise = np.random.default_rng(0).bytes(4096)
    for page in range(len(whole) // 4096):
        copy = tmp_path / f"index-{page}"
        shutil.copytree(place.index, copy)
        (copy / "catalog.sqlite").write_bytes(whole[: page * 4096] + noise + whole[(page + 1) * 4096 :])
        for verb in (["query", "--id", "1"], ["status"], ["index", place.pictures], ["check"]):
            done = call(*verb, "--index", copy)
            assert done.exit_code in ((6,) if verb == ["check"] else (0, 5, 6)), (page, verb, done.output)
            assert done.stderr.count("\n") == (done.exit_code != 0)


def test_codes_that_were_cut_short_are_told_and_never_written_over(place: Place) -> None:
    codes = place.index / "codes.f32"
    os.truncate(codes, 5 * 16 * 4)
    draw_picture(99).save(place.pictures / "new.jpg")
    for verb in (["query", "--id", "1"], ["index", place.pictures], ["check"]):
        done = call(*verb, "--index", place.index)
        assert (done.exit_code, done.stderr.count("\n")) == (6, 1), verb
    assert codes.stat().st_size == 5 * 16 * 4


# Files and folders that change under the run


def test_a_file_that_vanishes_before_it_is_read_is_as_if_it_had_not_been_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, changed = place.pictures / "new.jpg", place.pictures / "a" / "000001.jpg"
    draw_picture(99).save(new), draw_picture(98).save(changed)
    around_decoding(monkeypatch, before=lambda: (new.unlink(), changed.unlink()))
    assert place.run() == {"found": COUNT - 1, "unchanged": COUNT - 1, "vanished": 1}
    assert (place.failures(), len(place.paths())) == ({}, COUNT)
    assert place.run("--prune") == {"found": COUNT - 1, "unchanged": COUNT - 1, "vanished": 1, "removed": 1}


def test_a_file_that_changes_after_it_was_listed_or_read_is_read_again_by_the_next_run(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment, seed in (("before", 98), ("after", 99)):
        with monkeypatch.context() as patch:
            rewrite = lambda seed=seed: draw_picture(seed, (90, 90)).save(fresh.pictures / "a" / "000001.jpg")  # noqa: E731
            around_decoding(patch, **{moment: rewrite})
            draw_picture(seed + 100).save(fresh.pictures / "a" / "000001.jpg")
            fresh.run()
        fresh.run()
        done = call("query", fresh.pictures / "a" / "000001.jpg", "--index", fresh.index, "-k", "1", "--json")
        (hit,) = json.loads(done.stdout)["results"]
        assert (hit["path"], hit["distance"] < 1e-3) == (str(fresh.pictures / "a" / "000001.jpg"), True)
    assert fresh.run() == {"found": COUNT, "unchanged": COUNT}


def test_a_folder_that_is_removed_in_the_middle_is_as_if_it_had_not_been_found(
    fresh: Place, monkeypatch: pytest.MonkeyPatch, small_chunks: None
) -> None:
    around_decoding(monkeypatch, before=lambda: shutil.rmtree(fresh.pictures / "b"))
    summary = fresh.run()
    assert summary == {"found": COUNT // 2, "encoded": COUNT // 2}
    assert (fresh.failures(), len(fresh.paths())) == ({}, COUNT // 2)


def test_names_exchanged_across_chunks_are_decoded_where_the_original_is_gone(place: Place, small_chunks: None) -> None:
    """File n gets the content of file n + 1, and the last that of the first, whose image has left by then."""
    files = sorted((place.pictures / "a").iterdir())
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, [*contents[1:], contents[0]], strict=True):
        path.write_bytes(content)
    summary = place.run()
    assert (summary["found"], summary["changed"]) == (COUNT, COUNT // 2)
    assert len(place.paths()) == COUNT
    for path in files:
        (hit,) = json.loads(call("query", path, "--index", place.index, "-k", "1", "--json").stdout)["results"]
        assert (hit["path"], hit["distance"] < 1e-3) == (str(path), True)


def test_many_copies_of_one_picture_move_one_by_one(
    fresh: Place, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "TWINS_AT_ONCE", 3)
    for number in range(2, 11):
        shutil.copy(fresh.pictures / "a" / "000001.jpg", fresh.pictures / "a" / f"{number:06}.jpg")
    fresh.run()
    with Index.open(fresh.index) as index:
        before = sorted(record.id for record in index.catalog.images.all())
    (fresh.pictures / "a").rename(fresh.pictures / "c")
    assert fresh.run() == {"found": COUNT, "unchanged": COUNT // 2, "moved": COUNT // 2}
    with Index.open(fresh.index) as index:
        assert sorted(record.id for record in index.catalog.images.all()) == before


# Clocks


def test_a_clock_that_goes_back_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes are told by another time of change, not by a later one, and what was added last by its id."""
    old, future = place.pictures / "a" / "000001.jpg", place.pictures / "future.jpg"
    draw_picture(97).save(old), os.utime(old, (0, 0))
    draw_picture(98).save(future), os.utime(future, (2**33, 2**33))
    with monkeypatch.context() as patch:
        patch.setattr(store.time, "time", lambda: 1_000_000.0)
        assert place.run() == {"found": COUNT + 1, "encoded": 2, "unchanged": COUNT - 1, "changed": 1}
    assert place.run() == {"found": COUNT + 1, "unchanged": COUNT + 1}
    with Index.open(place.index) as index:
        assert status_of(index)["last_added"] == 1_000_000.0
        assert sorted([index.id_of(old), index.id_of(future)]) == [COUNT + 1, COUNT + 2]
    draw_picture(96).save(old), os.utime(old, (-5, -5))
    assert place.run() == {"found": COUNT + 1, "encoded": 1, "unchanged": COUNT, "changed": 1}


def test_a_run_whose_clock_jumps_commits_all_the_same(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter([time.time(), 0.0, 2.0**40] * COUNT)
    monkeypatch.setattr(store.time, "time", lambda: next(jumps))
    assert fresh.run() == {"found": COUNT, "encoded": COUNT}
    assert len(fresh.paths()) == COUNT
