"""Stores raw results on disk: one JSON file per experiment, with everything needed to repeat it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from indexer.errors import InputError
from indexer.system.disk import atomic_write
from indexer.system.limits import cores

CHECKOUT = Path(__file__).parents[2]
RESULTS = CHECKOUT / "benchmarks" / "results"
# Drawings that show real faces; git ignores this folder.
PICTURES = CHECKOUT / "benchmarks" / "pictures_out"
PACKAGES = (
    "numpy", "Pillow", "ImageHash", "scikit-learn", "faiss-cpu", "faiss-gpu", "onnxruntime", "onnxruntime-gpu",
    "SQLAlchemy", "torch", "torchvision",
)  # fmt: skip


def store(name: str, result: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write `folder/name.json` and return its path.

    The file contains `result` under "result", and beside it name, command, commit, dirty (uncommitted changes),
    machine, seed (`result["seed"]`, or null) and date. It replaces an earlier file atomically.
    """
    commit, dirty = commit_of_checkout()
    record = {
        "name": name,
        "command": command_line(sys.argv),
        "commit": commit,
        "dirty": dirty,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": result.get("seed"),
        "machine": machine(),
        "result": result,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    with atomic_write(path) as file:
        file.write((json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def load(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Read the record that `store` wrote.

    Raises InputError if nothing is stored under this name.
    """
    path = folder / f"{name}.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"no results at {path}: run `python -m benchmarks {name}` first") from error
    return record


def earlier_result(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """The stored result, or {} if nothing is stored."""
    try:
        result: dict[str, Any] = load(name, folder)["result"]
    except InputError:
        return {}
    return result


def command_line(argv: list[str]) -> str:
    """The command in a form that can be typed on another machine.

    Paths inside this checkout become relative; other absolute paths become a variable named after their option
    (`--data` gives $DATA).
    """
    words = [_portable(word, previous) for previous, word in pairwise(argv)]
    return " ".join(["python", "-m", "benchmarks", *words])


def _portable(word: str, previous: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else (previous, "", word)
    if not Path(value).is_absolute():
        return shlex.quote(word)
    if Path(value).is_relative_to(CHECKOUT):
        shown = shlex.quote(str(Path(value).relative_to(CHECKOUT)))
    else:
        shown = "$" + (re.sub(r"\W+", "_", option.lstrip("-")).upper() if option.startswith("--") else "FOLDER")
    return f"{option}={shown}" if equals else shown


def commit_of_checkout() -> tuple[str | None, bool | None]:
    """The checkout's commit, and whether files other than results differ from it; None, None outside git."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", ":!benchmarks/results")
    return commit, None if changes is None else bool(changes)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, usable cores, memory in GiB, GPU if in use, and versions."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | _versions(),
    }


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _gpu() -> str | None:
    # Only if the experiment has imported torch already: a benchmark of the index must not pay for the import.
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
