"""Faults that pass: workers that are killed, permissions, a missing extra, an older decoder.

Each is there for some runs and then gone. While it is there, the files that it concerns are failures of the right kind
and nothing else changes; the first run after it makes the index one that was never disturbed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.core.child_process import family
from benchmarks.experiments.faults.fault_collection import Collection, content, run, start
from benchmarks.experiments.faults.rights import drop_rights
from indexer.index.index import Index

# One picture in this many is concerned.
CONCERNED = 4
# Between two kills, in seconds: from less than a new process takes to start to longer.
PAUSES = (0.1, 0.6)
KILLED = "the process that decoded it died (SIGKILL)"
# An older Pillow that cannot read WebP, in a process and in all that it starts.
OLDER_DECODER = """
import importlib.metadata, sys
sys.modules["PIL.WebPImagePlugin"] = None
version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.1" if name == "Pillow" else version(name)
"""


@dataclass
class Course:
    """What the runs of a part did, the counters of each that are not 0, and what was wrong."""

    collection: Collection
    index: Path
    runs: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self, name: str, expected: Mapping[str, int] | None = None, **circumstances: Any) -> dict[str, int]:
        """Index the collection, and compare the counters with those that are expected."""
        code, stdout, stderr = run([*self.collection.index(self.index), "--json"], **circumstances)
        if code or stderr:
            self.problems.append(f"{name}: exit code {code}, {stderr.strip()[-300:]}")
            return {}
        found = {key: value for key, value in json.loads(stdout).items() if isinstance(value, int) and value}
        self.runs[name] = found
        if expected is not None and found != expected:
            self.problems.append(f"{name}: {found}, not {dict(expected)}")
        return found

    def expect_failures(self, paths: Iterable[Path], may_pass: bool) -> None:
        """Look whether these files, and no others, are failures of that kind."""
        with Index.open(self.index) as opened:
            found = {failure.path: failure.may_pass for failure in opened.failures()}
        if found != dict.fromkeys(map(str, paths), may_pass):
            self.problems.append(f"the failures are {len(found)} others than those expected")

    def expect_undisturbed(self, scratch: Path) -> None:
        """Look whether the index holds what one of the same pictures holds that was never disturbed."""
        whole = scratch / "undisturbed"
        code, _, stderr = run(self.collection.index(whole))
        assert code == 0, stderr
        found, expected = content(self.index), content(whole)
        shutil.rmtree(whole)
        self.problems += [
            f"{key} differ from an undisturbed index's" for key in expected if found[key] != expected[key]
        ]
        self.expect_failures([], may_pass=False)

    def as_stored(self, **more: Any) -> dict[str, Any]:
        """As it is stored."""
        return {"runs": self.runs, **more, "problems": self.problems[:20]}


def workers_killed(collection: Collection, scratch: Path, rounds: int, seed: int) -> dict[str, Any]:
    """Kill processes that decode, at random moments of runs; what they were killed of is decoded by the next run."""
    random = np.random.default_rng(seed)
    kills = failed = 0
    problems: list[str] = []
    for number in range(rounds):
        course = Course(collection, scratch / f"index-{number}")
        process = start([*collection.index(course.index), "--json"])
        killer = _Killer(process.pid, random)
        killer.start()
        stdout, stderr = process.communicate()
        kills += killer.stop()
        if process.returncode or stderr:
            problems.append(f"round {number}: exit code {process.returncode}, {stderr.strip()[-300:]}")
            continue
        summary = json.loads(stdout)
        failed += summary["failed"]
        with Index.open(course.index) as opened:
            wrong = [failure for failure in opened.failures() if (failure.reason, failure.may_pass) != (KILLED, True)]
            problems += [f"round {number}: {Path(failure.path).name}: {failure.reason}" for failure in wrong]
        done = {name: summary[name] for name in ("encoded", "failed")}
        expected = {"found": summary["found"], "encoded": done["failed"], "unchanged": done["encoded"]}
        course.run("next", {name: count for name, count in expected.items() if count})
        course.expect_undisturbed(scratch)
        problems += [f"round {number}: {problem}" for problem in course.problems]
    return {"rounds": rounds, "kills": kills, "failed_meanwhile": failed, "problems": problems[:20]}


class _Killer(threading.Thread):
    """Sends SIGKILL to one of the processes that a process has started, now and then."""

    def __init__(self, parent: int, random: np.random.Generator) -> None:
        super().__init__(daemon=True)
        self._parent, self._random = parent, random
        self._stopping = threading.Event()
        self._kills = 0

    def run(self) -> None:
        """Kill."""
        while not self._stopping.wait(self._random.uniform(*PAUSES)):
            workers = family(self._parent)[1:]
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(int(self._random.choice(workers)), signal.SIGKILL)
                    self._kills += 1

    def stop(self) -> int:
        """Stop, and return how many were killed."""
        self._stopping.set()
        self.join()
        return self._kills


def permission_back(collection: Collection, scratch: Path) -> dict[str, Any]:
    """Pictures change and lose the permission to be read; until it is back, they keep their ids and labels."""
    course, paths = _copied(collection, scratch)
    total, concerned = len(paths), paths[::CONCERNED]
    course.run("before", {"found": total, "encoded": total}, preexec=drop_rights)
    ids = _ids(course.index)
    for path in concerned:
        with Image.open(path) as picture:
            changed = picture.transpose(Image.Transpose.ROTATE_180)
        changed.save(path)
        path.chmod(0)
    failing = _counts(total, failed=len(concerned), may_pass=len(concerned))
    for name in ("without permission", "again"):
        course.run(name, failing, preexec=drop_rights)
        course.expect_failures(concerned, may_pass=True)
        if _ids(course.index) != ids:
            course.problems.append(f"{name}: ids or labels differ from those of before")
    for path in concerned:
        path.chmod(0o644)
    course.run("permission back", _counts(total, encoded=len(concerned), changed=len(concerned)), preexec=drop_rights)
    course.expect_undisturbed(scratch)
    return course.as_stored(pictures=total, concerned=len(concerned))


def extra_installed(collection: Collection, scratch: Path) -> dict[str, Any]:
    """HEIC pictures without the extra that reads them, then with it."""
    import pillow_heif

    course, paths = _copied(collection, scratch)
    concerned = _converted(
        paths[::CONCERNED], ".heic", lambda picture, path: pillow_heif.from_pillow(picture).save(path)
    )
    hidden = scratch / "hidden"
    hidden.mkdir()
    (hidden / "pillow_heif.py").write_text("raise ImportError\n")
    return _course_of(course, scratch, len(paths), concerned, hidden, may_pass=True)


def decoder_updated(collection: Collection, scratch: Path) -> dict[str, Any]:
    """WebP pictures and a Pillow that does not read them, then one that does."""
    course, paths = _copied(collection, scratch)
    concerned = _converted(paths[::CONCERNED], ".webp", lambda picture, path: picture.save(path, lossless=True))
    older = scratch / "older"
    older.mkdir()
    (older / "sitecustomize.py").write_text(OLDER_DECODER)
    return _course_of(course, scratch, len(paths), concerned, older, may_pass=False)


def _course_of(
    course: Course, scratch: Path, total: int, concerned: Sequence[Path], before: Path, may_pass: bool
) -> dict[str, Any]:
    """Two runs with a folder on the path of modules that makes them fail, then one without it, and one more."""
    count = len(concerned)
    kind = {"may_pass": count} if may_pass else {}
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, (str(before), os.environ.get("PYTHONPATH"))))}
    course.run("before", _counts(total, encoded=total - count, failed=count, **kind), environment=environment)
    tried = kind or {"failed_before": count}
    course.run("again", _counts(total, failed=count, **tried), environment=environment)
    course.expect_failures(concerned, may_pass)
    course.run("after", _counts(total, encoded=count))
    course.run("once more", _counts(total))
    course.expect_undisturbed(scratch)
    return course.as_stored(pictures=total, concerned=count)


def _copied(collection: Collection, scratch: Path) -> tuple[Course, list[Path]]:
    """A copy of the collection, to be changed, an index of it that is not there yet, and the copy's pictures."""
    copy = Collection(scratch / "copy")
    shutil.copytree(collection.folder, copy.folder)
    return Course(copy, scratch / "index"), sorted(copy.pictures.iterdir())


def _converted(paths: Sequence[Path], suffix: str, save: Any) -> list[Path]:
    """Put files of another format in the place of some."""
    converted = []
    for path in paths:
        with Image.open(path) as picture:
            save(picture.convert("RGB"), path.with_suffix(suffix))
        path.unlink()
        converted.append(path.with_suffix(suffix))
    return converted


def _counts(total: int, **counts: int) -> dict[str, int]:
    """The counters of a run: what is neither encoded nor failed is unchanged."""
    unchanged = total - counts.get("encoded", 0) - counts.get("failed", 0)
    return {name: count for name, count in {"found": total, "unchanged": unchanged, **counts}.items() if count}


def _ids(index: Path) -> dict[str, tuple[int, Any]]:
    """Ids and labels, by path."""
    with Index.open(index) as opened:
        records = list(opened.catalog.images.all())
        labels = opened.labels([record.id for record in records])
        return {record.path: (record.id, labels.get(record.id)) for record in records}
