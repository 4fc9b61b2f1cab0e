"""SIGKILL at random moments of every command that writes; the next run must give the same result as without it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiments.faults.fault_collection import Collection, content, run, start
from benchmarks.experiments.faults.first_schema import FIRST_SCHEMA
from indexer.index.index import Index

# One picture in this many is deleted before `index --prune`, or named to `remove`.
TAKEN = 4


@dataclass(frozen=True)
class Run:
    """A command to be killed: the index before it, its arguments, its undisturbed result and duration."""

    before: Path | None
    arguments: list[str]
    expected: dict[str, Any]
    seconds: float


# (collection, folder for the index before the command, complete index) -> (that index or None, the arguments).
Prepare = Callable[[Collection, Path, Path], tuple[Path | None, list[str]]]


def sigkill(collection: Collection, scratch: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill each of RUNS in turn, run it once more undisturbed, and compare with a run that was never killed.

    A run that ends before its kill is not counted, but updates the known duration.
    """
    random = np.random.default_rng(seed)
    whole = scratch / "whole"
    assert run(collection.index(whole))[0] == 0
    runs = {name: _prepared(prepare, collection, scratch / name, whole) for name, prepare in RUNS.items()}
    problems, landed = [], dict.fromkeys(RUNS, 0)
    for number in range(kills):
        name = list(RUNS)[number % len(RUNS)]
        index = scratch / f"{name}-{number}"
        while (ended_after := _kill(runs[name], index, random.uniform(0.05, 1.0))) is not None:
            runs[name] = replace(runs[name], seconds=ended_after)
            shutil.rmtree(index)
        landed[name] += 1
        problem = _compare(index, runs[name])
        if problem:
            problems.append(f"{name}, kill {number}: {problem}")
        shutil.rmtree(index, ignore_errors=True)
    return {"kills": kills, "killed_before_their_end": landed, "problems": problems}


def _prepared(prepare: Prepare, collection: Collection, index: Path, whole: Path) -> Run:
    before, arguments = prepare(collection, index, whole)
    after = index.with_name(f"{index.name}-after")
    if before is not None:
        shutil.copytree(before, after)
    begin = time.perf_counter()
    code, _, stderr = run([*arguments, "--index", str(after)], slowed=True)
    assert code == 0, stderr
    seconds = time.perf_counter() - begin
    return Run(before, arguments, content(after), seconds)


def _kill(victim: Run, index: Path, moment: float) -> float | None:
    """Kill the command after a share of its usual time; return its duration if it ended before that."""
    if victim.before is not None:
        shutil.copytree(victim.before, index)
    begin = time.perf_counter()
    process = start([*victim.arguments, "--index", str(index)])
    try:
        process.communicate(timeout=moment * victim.seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    return time.perf_counter() - begin


def _compare(index: Path, victim: Run) -> str:
    """Describe what is wrong after one more undisturbed run; empty if nothing is."""
    code, _, stderr = run([*victim.arguments, "--index", str(index)], slowed=True)
    # A command killed after its work was done has nothing left to remove.
    if code != 0 and not (victim.arguments[0] == "remove" and "is not in the index" in stderr):
        return f"the next run failed: {stderr.strip()}"
    found = content(index)
    differing = [key for key in victim.expected if found[key] != victim.expected[key]]
    return f"{', '.join(differing)} differ from an undisturbed run's" if differing else ""


def _taken(folder: Path) -> list[Path]:
    everything = sorted(folder.iterdir())
    return everything[: len(everything) // TAKEN]


def _index(collection: Collection, index: Path, whole: Path) -> tuple[Path | None, list[str]]:
    return None, ["index", str(collection.pictures), "--labels", str(collection.labels), "--encoder", "parts"]


def _fewer(collection: Collection, index: Path) -> Path:
    """Copy the pictures to a folder beside the index, for the caller to delete some; return the folder."""
    folder = index.with_name(f"{index.name}-pictures")
    shutil.copytree(collection.pictures, folder)
    return folder


def _prune(collection: Collection, index: Path, whole: Path) -> tuple[Path | None, list[str]]:
    folder = _fewer(collection, index)
    assert (
        run(["index", str(folder), "--labels", str(collection.labels), "--index", str(index), "--encoder", "parts"])[0]
        == 0
    )
    for path in _taken(folder):
        path.unlink()
    return index, ["index", str(folder), "--labels", str(collection.labels), "--prune"]


def _remove(collection: Collection, index: Path, whole: Path) -> tuple[Path | None, list[str]]:
    shutil.copytree(whole, index)
    return index, ["remove", *map(str, _taken(collection.pictures))]


def _retrain(collection: Collection, index: Path, whole: Path) -> tuple[Path | None, list[str]]:
    shutil.copytree(whole, index)
    return index, [*_index(collection, index, whole)[1], "--kind", "ivf-sq8", "--recall", "1"]


def _check(collection: Collection, index: Path, whole: Path) -> tuple[Path | None, list[str]]:
    shutil.copytree(whole, index)
    (index / "vectors.faiss").unlink()
    return index, ["check"]


def _migrate(collection: Collection, index: Path, whole: Path) -> tuple[Path | None, list[str]]:
    shutil.copytree(whole, index)
    downgrade(index / "catalog.sqlite")
    return index, ["check"]


def downgrade(path: Path) -> None:
    """Convert a catalogue to the first schema, with the same images."""
    Index.open(path.parent).close()
    with sqlite3.connect(path) as connection:
        kept = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        first = {statement.split()[2].split("(")[0] for statement in FIRST_SCHEMA}
        for name in kept - first - {"sqlite_sequence"}:
            connection.execute(f"DROP TABLE {name}")
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall():
            connection.execute(f"DROP INDEX {name}")
        _drop_later_columns(connection)
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    connection.close()


def _drop_later_columns(connection: sqlite3.Connection) -> None:
    """Drop the columns that later schemas added to the first schema's tables."""
    with closing(sqlite3.connect(":memory:")) as first:
        for statement in FIRST_SCHEMA:
            first.execute(statement)
        for (table,) in first.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'").fetchall():
            for column in sorted(_columns(connection, table) - _columns(first, table)):
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}


RUNS: dict[str, Prepare] = {
    "index": _index,
    "remove": _remove,
    "prune": _prune,
    "retrain": _retrain,
    "rebuild": _check,
    "migrate": _migrate,
}
