"""Temporary faults: killed workers, permissions, a missing extra, an older decoder.

Each fault lasts for some runs and then ends. Meanwhile the affected files must be failures of the right kind and
nothing else may change; the first run afterwards must give the same index as an undisturbed run.
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

# One picture in this many is affected.
CONCERNED = 4
# Seconds between two kills: from less than a new process's start-up time to more.
PAUSES = (0.1, 0.6)
# Seconds between two looks for the first process to kill.
LOOK_AGAIN = 0.01
KILLED = "the process that decoded it died (SIGKILL)"
# Simulates an older Pillow without WebP, in a process and its children.
OLDER_DECODER = """
import importlib.metadata, sys
sys.modules["PIL.WebPImagePlugin"] = None
version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.1" if name == "Pillow" else version(name)
"""


@dataclass
class Course:
    """The runs of one part: the non-zero counters of each, and the problems found."""

    collection: Collection
    index: Path
    runs: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self, name: str, expected: Mapping[str, int] | None = None, **circumstances: Any) -> dict[str, int]:
        """Index the collection, and compare the counters with the expected ones."""
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
        """Check that exactly these files are failures, all with this value of `may_pass`."""
        with Index.open(self.index) as opened:
            found = {failure.path: failure.may_pass for failure in opened.failures()}
        if found != dict.fromkeys(map(str, paths), may_pass):
            self.problems.append(f"the failures are {len(found)} others than those expected")

    def expect_undisturbed(self, scratch: Path) -> None:
        """Check that the index has no failures and equals an undisturbed index of the same pictures."""
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
        """The course as plain data for the result."""
        return {"runs": self.runs, **more, "problems": self.problems[:20]}


def workers_killed(collection: Collection, scratch: Path, rounds: int, seed: int) -> dict[str, Any]:
    """Kill decoding processes at random moments; the next run must decode what was interrupted."""
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
    """Sends SIGKILL to a random descendant of a process at random intervals."""

    def __init__(self, parent: int, random: np.random.Generator) -> None:
        super().__init__(daemon=True)
        self._parent, self._random = parent, random
        self._stopping = threading.Event()
        self._kills = 0

    def run(self) -> None:
        """Kill until stopped: the first descendant as soon as there is one, so that even a short run loses one."""
        pause = LOOK_AGAIN
        while not self._stopping.wait(pause):
            workers = family(self._parent)[1:]
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(int(self._random.choice(workers)), signal.SIGKILL)
                    self._kills += 1
            pause = self._random.uniform(*PAUSES) if self._kills else LOOK_AGAIN

    def stop(self) -> int:
        """Stop, and return the number of killed processes."""
        self._stopping.set()
        self.join()
        return self._kills


def permission_back(collection: Collection, scratch: Path) -> dict[str, Any]:
    """Change pictures and remove their read permission; until it returns, they must keep their ids and labels."""
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
            course.problems.append(f"{name}: ids or labels have changed")
    for path in concerned:
        path.chmod(0o644)
    course.run("permission back", _counts(total, encoded=len(concerned), changed=len(concerned)), preexec=drop_rights)
    course.expect_undisturbed(scratch)
    return course.as_stored(pictures=total, concerned=len(concerned))


def extra_installed(collection: Collection, scratch: Path) -> dict[str, Any]:
    """Index HEIC pictures without the extra that reads them, then with it."""
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
    """Index WebP pictures with a Pillow that cannot read them, then with one that can."""
    course, paths = _copied(collection, scratch)
    concerned = _converted(paths[::CONCERNED], ".webp", lambda picture, path: picture.save(path, lossless=True))
    older = scratch / "older"
    older.mkdir()
    (older / "sitecustomize.py").write_text(OLDER_DECODER)
    return _course_of(course, scratch, len(paths), concerned, older, may_pass=False)


def _course_of(
    course: Course, scratch: Path, total: int, concerned: Sequence[Path], before: Path, may_pass: bool
) -> dict[str, Any]:
    """Run twice with `before`, a folder of modules that make the concerned files fail, then twice without it."""
    count = len(concerned)
    passing = {"may_pass": count} if may_pass else {}
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, (str(before), os.environ.get("PYTHONPATH"))))}
    course.run("before", _counts(total, encoded=total - count, failed=count, **passing), environment=environment)
    tried = passing or {"failed_before": count}
    course.run("again", _counts(total, failed=count, **tried), environment=environment)
    course.expect_failures(concerned, may_pass)
    course.run("after", _counts(total, encoded=count))
    course.run("once more", _counts(total))
    course.expect_undisturbed(scratch)
    return course.as_stored(pictures=total, concerned=count)


def _copied(collection: Collection, scratch: Path) -> tuple[Course, list[Path]]:
    """A copy of the collection to change, a path for its index, and the copied pictures."""
    copy = Collection(scratch / "copy")
    shutil.copytree(collection.folder, copy.folder)
    return Course(copy, scratch / "index"), sorted(copy.pictures.iterdir())


def _converted(paths: Sequence[Path], suffix: str, save: Any) -> list[Path]:
    """Replace some files by files of another format."""
    converted = []
    for path in paths:
        with Image.open(path) as picture:
            save(picture.convert("RGB"), path.with_suffix(suffix))
        path.unlink()
        converted.append(path.with_suffix(suffix))
    return converted


def _counts(total: int, **counts: int) -> dict[str, int]:
    """The expected counters of a run: pictures neither encoded nor failed are unchanged."""
    unchanged = total - counts.get("encoded", 0) - counts.get("failed", 0)
    return {name: count for name, count in {"found": total, "unchanged": unchanged, **counts}.items() if count}


def _ids(index: Path) -> dict[str, tuple[int, Any]]:
    """Path -> id and labels."""
    with Index.open(index) as opened:
        records = list(opened.catalog.images.all())
        labels = opened.labels([record.id for record in records])
        return {record.path: (record.id, labels.get(record.id)) for record in records}
