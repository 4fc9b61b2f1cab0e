"""Files with any modification time, from before 1970 to the year 146 billion: every verb must accept them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.experiments.faults.fault_collection import Collection, content, run
from indexer.numbers import GREATEST, LEAST

SECONDS_A_YEAR = 31_556_952
# The pictures' modification times: the starts of these years, then seconds since 1970 beyond any calendar.
YEARS = (1600, 1677, 1901, 1960, 1970, 2038, 2262, 2263, 2300, 2400, 9999)
BEYOND = (10**15, 10**18, -(10**18), 2**62)
# A file system in memory stores times that others cannot.
IN_MEMORY = Path("/dev/shm")


def future_times(collection: Collection, scratch: Path) -> dict[str, Any]:
    """Give pictures these modification times, index them, and use the index with every verb."""
    parent = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else scratch
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        copy = Collection(Path(folder) / "copy")
        shutil.copytree(collection.folder, copy.folder)
        beyond = _set_times(copy)
        return _used(copy, scratch) | {"beyond_64_bits": beyond}


def _set_times(collection: Collection) -> int:
    """Set the times; return how many, as the file system stored them, exceed 64 bits in nanoseconds."""
    seconds = [*((year - 1970) * SECONDS_A_YEAR for year in YEARS), *BEYOND]
    paths = sorted(collection.pictures.iterdir())[: len(seconds)]
    for path, moment in zip(paths, seconds, strict=False):
        os.utime(path, (moment, moment))
    return sum(not LEAST <= path.stat().st_mtime_ns <= GREATEST for path in paths)


def _used(collection: Collection, scratch: Path) -> dict[str, Any]:
    total = sum(1 for _ in collection.pictures.iterdir())
    index, other, file = scratch / "index", scratch / "other", scratch / "codes.parquet"
    index_them, first = collection.index(index), str(min(collection.pictures.iterdir()))
    commands = [
        index_them,
        ["status", "--index", str(index)],
        ["query", first, "--index", str(index)],
        *(
            ["query", "--id", "1", "--where", f"{fact}{sign}{date}", "--index", str(index)]
            for fact in ("changed", "added")
            for sign in ("<", ">")
            for date in ("0001-01-01", "1600-01-01", "2262-04-12", "2400-01-01", "9999-12-31")
        ),
        ["duplicates", "--index", str(index)],
        ["check", "--index", str(index)],
        ["export", "-o", str(file), "--index", str(index)],
        ["import", str(file), "--index", str(other)],
    ]
    problems = [problem for command in commands if (problem := _problem_of(command))]
    problems += [f"{one.name}: {found}" for one in (index, other) if (found := _wrong(collection, one, total))]
    if not problems and content(index) != content(other):
        problems.append("the index that was imported differs from the one that was exported")
    return {"pictures": total, "commands": len(commands), "problems": problems}


def _problem_of(command: list[str]) -> str:
    code, _, stderr = run(command)
    return (
        f"{' '.join(command[:5])}: exit code {code}, {stderr.strip()[-300:]}" if code or "Traceback" in stderr else ""
    )


def _wrong(collection: Collection, index: Path, total: int) -> str:
    """Describe what is wrong after one more run, which should find everything unchanged; empty if nothing is."""
    code, stdout, stderr = run([*collection.index(index), "--json"])
    if code:
        return f"exit code {code}, {stderr.strip()[-300:]}"
    found = json.loads(stdout)
    return "" if found["unchanged"] == found["found"] == total else f"{found['unchanged']} of {total} were unchanged"
