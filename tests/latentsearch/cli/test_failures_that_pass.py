"""A failure by circumstances is tried again at every run, one by content when the file or the decoder changes."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexer.encoders.framing import Framing
from indexer.errors import UnreadableImage
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.paths import may_pass, reason_for
from indexer.workers import pool, serve, worker
from indexer.workers.serve import decode_chunk
from indexer.workers.worker import Worker
from tests.latentsearch.collection import call
from tests.latentsearch.following import followed
from tests.latentsearch.unprivileged import run_unprivileged
from tests.support import draw_picture, make_bundle, make_folder

COUNT = 6
# An older Pillow, without one of its plugins, in a process and in those that it starts.
OLDER_DECODER = """
import importlib.metadata, sys
sys.modules["PIL.WebPImagePlugin"] = None
version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.1" if name == "Pillow" else version(name)
"""


@dataclass(frozen=True)
class Place:
    """A folder of pictures, 000001.jpg and so on, and its index."""

    pictures: Path
    index: Path
    bundle: Path

    def run(self, *options: str, **environment: str) -> dict[str, int]:
        """Index the pictures by a process without root's rights; the counters that are not 0."""
        words = ["index", self.pictures, "--index", self.index, "--encoder", self.bundle, "--json", *options]
        done = run_unprivileged(*words, **environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return counted(done.stdout)

    def here(self, *options: str) -> dict[str, int]:
        """The same by this process, for what is patched in it."""
        done = call("index", self.pictures, "--index", self.index, "--encoder", self.bundle, "--json", *options)
        assert done.exit_code == 0, done.stderr
        return counted(done.stdout)

    def picture(self, number: int) -> Path:
        return self.pictures / f"{number:06}.jpg"

    def entries(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Ids and labels by name."""
        with IndexWriter.open(self.index) as index:
            assert index.check().problems == []
            records = list(index.catalog.images.all())
            labels = index.labels([record.id for record in records])
            return {Path(record.path).name: (record.id, labels.get(record.id, {})) for record in records}

    def failures(self) -> dict[str, tuple[str, bool]]:
        with Index.open(self.index) as index:
            return {Path(failure.path).name: (failure.reason, failure.may_pass) for failure in index.failures()}


def counted(stdout: str) -> dict[str, int]:
    summary = json.loads(stdout)
    assert summary["found"] == sum(summary[name] for name in ("encoded", "copied", "unchanged", "moved", "failed"))
    return {name: count for name, count in summary.items() if isinstance(count, int) and count}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def fresh(tmp_path: Path, bundle: Path) -> Place:
    make_folder(tmp_path / "pictures", COUNT)
    return Place(tmp_path / "pictures", tmp_path / "index", bundle)


@pytest.fixture
def place(fresh: Place) -> Place:
    """Indexed, and the first picture is labelled."""
    table = fresh.pictures.parent / "labels.csv"
    table.write_text("file,mood\n000001.jpg,glad\n")
    assert fresh.here("--labels", str(table)) == {"found": COUNT, "encoded": COUNT}
    return fresh


class AllMemory:
    """The share of a worker that need not ask for memory."""

    is_last = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is patched in this process holds for what workers do."""
    share: Any = AllMemory()
    monkeypatch.setattr(Worker, "__init__", lambda worker, framing, *_: setattr(worker, "framing", framing))
    monkeypatch.setattr(Worker, "decode", lambda worker, jobs, seconds=None: decode_chunk(jobs, worker.framing, share))
    monkeypatch.setattr(Worker, "end", lambda worker: None)


@contextmanager
def closed(*paths: Path) -> Iterator[None]:
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0)
    yield
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode)


def hidden_extra(folder: Path) -> str:
    """What PYTHONPATH has to be for HEIC's extra to be missing."""
    folder.mkdir(exist_ok=True)
    (folder / "pillow_heif.py").write_text("raise ImportError\n")
    return str(folder)


def draw_heic(path: Path) -> None:
    import pillow_heif

    pillow_heif.from_pillow(draw_picture(10, (96, 80))).save(path, format="HEIF")


# Circumstances


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the extra heic is not installed")
def test_a_picture_whose_extra_was_missing_is_indexed_when_it_is_installed(fresh: Place, tmp_path: Path) -> None:
    """c19."""
    draw_heic(fresh.pictures / "sound.heic")
    without = hidden_extra(tmp_path / "hidden")
    expected = {"found": COUNT + 1, "encoded": COUNT, "failed": 1, "may_pass": 1}
    assert fresh.run(PYTHONPATH=without) == expected
    del expected["encoded"]
    assert fresh.run(PYTHONPATH=without) == expected | {"unchanged": COUNT}
    told = call("status", "--failures", "--index", fresh.index).stdout
    assert told.endswith("pip install 'latentsearch[heic]' (tried again by every run)\n")
    assert fresh.run() == {"found": COUNT + 1, "encoded": 1, "unchanged": COUNT}
    assert call("status", "--failures", "--index", fresh.index).stdout == "every file could be used\n"
    assert "install" not in call("status", "--index", fresh.index).stdout


def test_a_file_whose_permission_comes_back_is_indexed(fresh: Place) -> None:
    with closed(fresh.picture(2)):
        assert fresh.run() == {"found": COUNT, "encoded": COUNT - 1, "failed": 1, "may_pass": 1}
        assert fresh.run() == {"found": COUNT, "unchanged": COUNT - 1, "failed": 1, "may_pass": 1}
        assert fresh.failures() == {"000002.jpg": ("permission denied", True)}
    assert fresh.run() == {"found": COUNT, "encoded": 1, "unchanged": COUNT - 1}
    assert fresh.failures() == {}


def test_a_picture_that_changed_and_cannot_be_read_now_keeps_its_entry(place: Place) -> None:
    before = place.entries()
    content = place.picture(1).read_bytes()
    kept = (COUNT, before["000001.jpg"])
    draw_picture(99).save(place.picture(1))
    with closed(place.picture(1)):
        assert place.run("--prune") == {"found": COUNT, "unchanged": COUNT - 1, "failed": 1, "may_pass": 1}
        assert (len(place.entries()), place.entries()["000001.jpg"]) == kept == (COUNT, (1, {"mood": "glad"}))
        assert json.loads(call("query", "--id", "1", "--index", place.index, "--json").stdout)["results"][0]["id"] == 1
    place.picture(1).write_bytes(content)
    assert place.run() == {"found": COUNT, "unchanged": COUNT}
    assert (place.entries(), place.failures()) == (before, {})
    draw_picture(98).save(place.picture(1))
    with closed(place.picture(1)):
        place.run()
    assert place.run() == {"found": COUNT, "encoded": 1, "unchanged": COUNT - 1, "changed": 1}
    assert (place.entries()["000001.jpg"][0], place.failures()) == (COUNT + 1, {})


def test_a_failure_leaves_with_the_change_that_caused_it(place: Place) -> None:
    """The file of before comes back, with its time: nothing is read, and nothing is said to be wrong any more."""
    status, content = place.picture(1).stat(), place.picture(1).read_bytes()
    draw_picture(99).save(place.picture(1))
    with closed(place.picture(1)):
        place.run()
    assert place.failures() == {"000001.jpg": ("permission denied", True)}
    place.picture(1).write_bytes(content)
    os.utime(place.picture(1), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert place.run() == {"found": COUNT, "unchanged": COUNT}
    assert place.failures() == {}


def test_a_changed_picture_that_is_damaged_leaves_the_index(place: Place) -> None:
    place.picture(1).write_bytes(b"")
    assert place.run() == {"found": COUNT, "unchanged": COUNT - 1, "failed": 1}
    assert ("000001.jpg" in place.entries(), place.failures()) == (False, {"000001.jpg": ("the file is empty", False)})


def test_what_replaces_a_picture_and_cannot_be_one_takes_its_entry_away_and_a_dead_link_does_not(place: Place) -> None:
    """A link may lead to a drive that is not there now; a named pipe is no picture, whatever happens."""
    elsewhere = place.pictures.parent / "elsewhere.jpg"
    place.picture(1).rename(elsewhere)
    place.picture(1).symlink_to(elsewhere)
    assert place.run() == {"found": COUNT, "unchanged": COUNT}
    elsewhere.rename(elsewhere.with_name("away"))
    place.picture(2).unlink()
    os.mkfifo(place.picture(2))
    assert place.run("--prune") == {"found": COUNT, "unchanged": COUNT - 2, "failed": 2, "may_pass": 1}
    assert place.entries().keys() == {f"{number:06}.jpg" for number in (1, 3, 4, 5, 6)}
    elsewhere.with_name("away").rename(elsewhere)
    assert place.run() == {"found": COUNT, "unchanged": COUNT - 1, "failed": 1}
    assert place.failures() == {"000002.jpg": ("a named pipe, not a file", False)}


def test_a_copy_does_not_take_the_entry_of_a_picture_whose_folder_is_closed(fresh: Place) -> None:
    (fresh.pictures / "closed").mkdir()
    fresh.picture(1).rename(fresh.pictures / "closed" / "first.jpg")
    fresh.run()
    before = fresh.entries()
    shutil.copy(fresh.pictures / "closed" / "first.jpg", fresh.pictures / "copy.jpg")
    with closed(fresh.pictures / "closed"):
        summary = fresh.run("--prune")
        assert summary == {"found": COUNT + 1, "copied": 1, "unchanged": COUNT - 1, "failed": 1, "may_pass": 1}
    assert {name: entry for name, entry in fresh.entries().items() if name != "copy.jpg"} == before
    assert fresh.run() == {"found": COUNT + 1, "unchanged": COUNT + 1}
    assert fresh.failures() == {}


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.ETIMEDOUT, errno.EACCES])
def test_errors_of_drives_and_of_the_system_pass(
    place: Place, monkeypatch: pytest.MonkeyPatch, in_this_process: None, number: int
) -> None:
    draw_picture(99).save(place.picture(1)), draw_picture(98).save(place.pictures / "new.jpg")

    def refuse(path: str) -> bytes:
        error = OSError(number, os.strerror(number))
        raise UnreadableImage(reason_for(path, error), may_pass=may_pass(error))

    with monkeypatch.context() as patch:
        patch.setattr(serve, "read_file", refuse)
        for _ in range(2):
            failed = {"found": COUNT + 1, "unchanged": COUNT - 1, "failed": 2, "may_pass": 2}
            assert place.here() == failed
        assert place.entries()["000001.jpg"] == (1, {"mood": "glad"})
    assert place.here() == {"found": COUNT + 1, "encoded": 2, "unchanged": COUNT - 1, "changed": 1}


@pytest.mark.parametrize("where", ["read_file", "decode_bytes"])
def test_memory_that_runs_out_passes(
    place: Place, monkeypatch: pytest.MonkeyPatch, in_this_process: None, where: str
) -> None:
    draw_picture(98).save(place.pictures / "new.jpg")

    def fill_memory(*_: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(serve, where, fill_memory)
        assert place.here() == {"found": COUNT + 1, "unchanged": COUNT, "failed": 1, "may_pass": 1}
        ((reason, _),) = place.failures().values()
        assert "memory" in reason
    assert place.here() == {"found": COUNT + 1, "encoded": 1, "unchanged": COUNT}


class Deadly(Framing):
    """Sends its process a signal for pictures of one size."""

    by: signal.Signals = signal.SIGKILL

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if (width, height) == (13, 13):
            os.kill(os.getpid(), self.by)
        return super().box(width, height)


class DeadlyByCrash(Deadly):
    by = signal.SIGSEGV


class Endless(Framing):
    """Computes for ever for pictures of one size."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        while (width, height) == (13, 13):
            pass
        return super().box(width, height)


class Stalling(Framing):
    """Waits for ever for pictures of one size, as for a drive."""

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if (width, height) == (13, 13):
            time.sleep(1_000)
        return super().box(width, height)


@pytest.mark.parametrize(
    ("framing", "reason", "may_pass"),
    [
        (Deadly, "died (SIGKILL)", True),
        (DeadlyByCrash, "died (SIGSEGV)", False),
        (Stalling, "took more than 2 s", True),
        (Endless, "took more than 2 s", False),
    ],
)
def test_what_the_system_killed_passes_and_what_its_content_crashed_does_not(
    place: Place, monkeypatch: pytest.MonkeyPatch, framing: type[Framing], reason: str, may_pass: bool
) -> None:
    monkeypatch.setattr(pool, "SECONDS_A_CHUNK", 4.0)
    monkeypatch.setattr(pool, "SECONDS_A_FILE", 2.0)
    monkeypatch.setattr(worker, "SECONDS_TO_DIE", 0.2)
    monkeypatch.setattr(worker, "BUSY", 0.05)  # on a busy machine, a process that computes gets little time to
    begin = Worker.__init__
    draw_picture(1, (13, 13)).save(place.pictures / "odd.png")
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "__init__", lambda worker, _, *more: begin(worker, framing(64, 64), *more))
        assert place.here().get("may_pass", 0) == may_pass
    (told,) = place.failures().values()
    assert (reason in told[0], told[1]) == (True, may_pass)
    again = place.here()
    assert again.get("encoded", 0) == may_pass and again.get("failed_before", 0) == (not may_pass)
    assert place.here("--retry-failed") == {"found": COUNT + 1, "unchanged": COUNT + may_pass} | (
        {} if may_pass else {"encoded": 1}
    )


def test_what_killed_its_worker_is_tried_again_by_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(place.index / "catalog.sqlite") as connection:
        draw_picture(1, (13, 13)).save(place.pictures / "odd.png")
        name = os.fsencode(place.pictures / "odd.png")
        connection.execute("INSERT INTO failure VALUES (?, 'it died', 1, 1, 1, NULL)", (name,))
    connection.close()
    make_folder(place.pictures / "new", 3, seed=1)
    chunks: list[list[str]] = []
    decode = Worker.decode

    def noting(worker: Worker, jobs: list[Any], seconds: float | None = None) -> Any:
        chunks.append([Path(job.path).name for job in jobs])
        return decode(worker, jobs, seconds)

    monkeypatch.setattr(Worker, "decode", noting)
    place.here()
    assert sorted(chunks) == [["000001.jpg", "000002.jpg", "000003.jpg"], ["odd.png"]]


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the extra heic is not installed")
def test_thousands_that_still_fail_are_looked_at_but_not_read(
    place: Place, monkeypatch: pytest.MonkeyPatch, in_this_process: None
) -> None:
    draw_heic(place.pictures / "first.heic")
    content = (place.pictures / "first.heic").read_bytes()
    for number in range(2_000):
        (place.pictures / f"{number}.heic").write_bytes(content)

    def missing(wanted: object) -> None:
        raise UnreadableImage("an extra is missing", may_pass=True)

    read: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("indexer.workers.second_look.load_plugin", missing)
        patch.setattr("indexer.decoding.opened.load_plugin", missing)
        assert place.here()["may_pass"] == 2_001
        patch.setattr(serve, "read_file", lambda path: read.append(path))
        began = time.perf_counter()
        done = call("index", place.pictures, "--index", place.index)
        took = time.perf_counter() - began
    assert (done.exit_code, done.stderr, read) == (0, "", [])
    assert "2001 of these may be usable later: every run tries them again" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 4 and took < 20


# Content


def test_contents_are_tried_again_when_the_decoder_changes(place: Place, tmp_path: Path) -> None:
    draw_picture(5).save(place.pictures / "new.webp")
    (place.pictures / "bad.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "sitecustomize.py").write_text(OLDER_DECODER)
    older = str(tmp_path / "older")
    assert place.run(PYTHONPATH=older) == {"found": COUNT + 2, "unchanged": COUNT, "failed": 2}
    again = {"found": COUNT + 2, "unchanged": COUNT, "failed": 2, "failed_before": 2}
    assert place.run(PYTHONPATH=older) == again
    assert place.run() == {"found": COUNT + 2, "encoded": 1, "unchanged": COUNT, "failed": 1}
    assert place.run() == {"found": COUNT + 2, "unchanged": COUNT + 1, "failed": 1, "failed_before": 1}


def test_failures_of_an_earlier_version_are_tried_once(place: Place) -> None:
    (place.pictures / "bad.jpg").write_bytes(b"text")
    place.here()
    with sqlite3.connect(place.index / "catalog.sqlite") as connection:
        connection.execute("UPDATE failure SET decoder = NULL, reason = 'as an earlier version said it'")
    connection.close()
    assert place.here() == {"found": COUNT + 1, "unchanged": COUNT, "failed": 1}
    assert place.failures() == {"bad.jpg": ("not a picture: it holds text", False)}
    assert place.here() == {"found": COUNT + 1, "unchanged": COUNT, "failed": 1, "failed_before": 1}


def test_retry_failed_tries_everything_that_failed_and_nothing_else(
    place: Place, monkeypatch: pytest.MonkeyPatch, in_this_process: None
) -> None:
    (place.pictures / "bad.jpg").write_bytes(b"text")
    place.here()
    read: list[str] = []
    read_file = worker.read_file
    monkeypatch.setattr(serve, "read_file", lambda path: (read.append(Path(path).name), read_file(path))[1])
    assert place.here() == {"found": COUNT + 1, "unchanged": COUNT, "failed": 1, "failed_before": 1}
    assert (place.here("--retry-failed"), read) == ({"found": COUNT + 1, "unchanged": COUNT, "failed": 1}, ["bad.jpg"])


def test_rehash_trusts_neither_size_nor_time(place: Place) -> None:
    """Two files whose bytes changed behind the same size and time; all others are read but not encoded again."""
    before = place.entries()
    (place.pictures / "bad.bmp").write_bytes(b"x" * 12_345)
    draw_picture(1, (64, 64)).save(place.pictures / "plain.bmp")
    place.here()
    changes = {"plain.bmp": draw_picture(2, (64, 64)), "bad.bmp": None}
    for name, picture in changes.items():
        path = place.pictures / name
        status = path.stat()
        if picture is None:
            draw_picture(3, (64, 60)).save(path)
            path.write_bytes(path.read_bytes().ljust(status.st_size, b"\0"))
        else:
            picture.save(path)
        assert path.stat().st_size == status.st_size
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    total = COUNT + 2
    assert place.here() == {"found": total, "unchanged": total - 1, "failed": 1, "failed_before": 1}
    assert place.here("--rehash") == {"found": total, "encoded": 2, "changed": 1, "unchanged": COUNT}
    assert {name: entry for name, entry in place.entries().items() if name.endswith("jpg")} == before
    assert place.here("--rehash") == {"found": total, "unchanged": total}


# What is told


def test_both_kinds_are_told_apart(place: Place) -> None:
    (place.pictures / "bad.jpg").write_bytes(b"text")
    (place.pictures / "dead.jpg").symlink_to("nowhere.jpg")
    done = call("index", place.pictures, "--index", place.index)
    assert done.stdout.splitlines()[1:] == [
        f"{COUNT} were unchanged",
        "2 cannot be used: `latentsearch status --failures` says why",
        "1 of these may be usable later: every run tries them again",
    ]
    status = json.loads(call("status", "--failures", "--index", place.index, "--json").stdout)
    assert (status["failures"], status["failures_that_may_pass"]) == (2, 1)
    assert [(Path(one["path"]).name, one["may_pass"]) for one in status["failed"]] == [
        ("bad.jpg", False),
        ("dead.jpg", True),
    ]
    assert "failures    2 (1 is tried again by every run), listed by --failures" in (
        call("status", "--index", place.index).stdout.splitlines()
    )
    assert call("status", "--failures", "--index", place.index).stdout.splitlines() == [
        f"{place.pictures}/bad.jpg: not a picture: it holds text",
        f"{place.pictures}/dead.jpg: a dead link (tried again by every run)",
    ]


# While folders are watched


def test_watching_does_not_try_again_until_something_changes(fresh: Place) -> None:
    target = fresh.pictures.parent / "away.jpg"
    (fresh.pictures / "dead.jpg").symlink_to(target)
    with followed(fresh.index, fresh.bundle, fresh.pictures, options=("--retry-failed", "--rehash")) as process:
        assert process.batch() == {"found": COUNT + 1, "encoded": COUNT, "failed": 1, "may_pass": 1}
        assert process.sentence().endswith("watching; Ctrl-C ends it")
        time.sleep(2)
        assert process.has_no_batch()
        draw_picture(50).save(target)
        (fresh.pictures / "dead.jpg").unlink()
        (fresh.pictures / "dead.jpg").symlink_to(target)
        assert process.batch() == {"found": 1, "encoded": 1}
        assert process.interrupt() == 130
    assert fresh.failures() == {}


def test_a_permission_that_comes_back_is_heard_of(fresh: Place) -> None:
    """The processes that read are started by one that has given root's rights up, and so have none."""
    before = "from benchmarks.experiments.faults.rights import drop_rights; drop_rights()"
    fresh.picture(1).chmod(0)
    with followed(fresh.index, fresh.bundle, fresh.pictures, before=before) as process:
        assert process.batch() == {"found": COUNT, "encoded": COUNT - 1, "failed": 1, "may_pass": 1}
        fresh.picture(1).chmod(0o644)
        assert process.batch() == {"found": 1, "encoded": 1}
        assert process.interrupt() == 130
    assert fresh.failures() == {}
