"""Indexing a folder of pictures: speed against the bound by decoding and encoding, and memory against folder size."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.core.child_process import MemoryWatch
from benchmarks.core.indexing_rates import measure
from benchmarks.core.timing import bar
from indexer.files.discover import Found, discover, find_celeba_files

TO_BOUND = 0.9
# Peaks of identical runs differ by a few percent.
GROWTH = 1.1


def measure_indexing(data: Path, scratch: Path) -> dict[str, Any]:
    """The figures of `indexing-speed`, and peak memory including workers for all files and for a third."""
    speed = measure(data, None)
    third = scratch / "third"
    copy_a_third(data, third)
    peaks = {"all": peak_of(data, scratch / "all-index"), "third": peak_of(third, scratch / "third-index")}
    growth = peaks["all"]["anonymous"] / peaks["third"]["anonymous"]
    return {
        **speed,
        "peak_bytes": peaks,
        "bars": [
            bar(
                "images/s of the whole process, relative to the bound",
                speed["index_to_bound"],
                TO_BOUND,
                at_least=True,
            ),
            bar("private memory for all files, relative to a third of them", growth, GROWTH),
        ],
    }


def copy_a_third(data: Path, third: Path) -> None:
    """Copy every third picture of a folder, with their lines of CelebA's label files."""
    third.mkdir()
    files = [file.path for file in discover([data]) if isinstance(file, Found)]
    for path in files[::3]:
        shutil.copy(path, third)
    left_out = {Path(path).name for path in files} - {path.name for path in third.iterdir()}
    for labels in find_celeba_files([data]):
        lines = labels.read_text().splitlines(keepends=True)
        (third / labels.name).write_text("".join(line for line in lines if line.split()[0] not in left_out))


def peak_of(data: Path, index: Path) -> dict[str, int]:
    """Peak memory of `latentsearch index` and its workers, as measured by benchmarks.core.child_process."""
    command = [sys.executable, "-m", "latentsearch", "index", str(data), "--index", str(index), "--encoder", "parts"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = MemoryWatch(process.pid)
    watch.start()
    code = process.wait()
    peak = watch.stop()
    assert code == 0, f"latentsearch index ended with {code}"
    return peak
