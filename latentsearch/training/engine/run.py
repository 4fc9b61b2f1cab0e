"""The folder of a training run, with its description run.json and its statistics stats.jsonl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

from indexer.errors import InputError
from indexer.system.disk import atomic_write, write_json

RUN = "run.json"
STATS = "stats.jsonl"


def begin(folder: Path, family: str, recipe: Any, resume: bool) -> None:
    """Create a run's folder, or check that an existing one can be resumed with these settings.

    On resuming, only the numbers of epochs may differ; fields that the recipe did not have when the run began must be
    at their defaults. Raises InputError if the folder contains a run and `resume` is False, if it contains a run with
    other settings, or if there is no run to resume.
    """
    about = folder / RUN
    settings = json.loads(json.dumps({"family": family, "recipe": asdict(recipe)}))  # tuples become lists
    if about.exists():
        if not resume:
            raise InputError(f"{folder} already holds a run: go on with --resume, or name another folder")
        before = json.loads(about.read_text())
        before["recipe"] = _defaults(recipe) | before["recipe"]
        if _fixed(before) != _fixed(settings):
            raise InputError(f"{folder} holds a run with other settings: resume it with the ones in {about}")
        describe(folder, **settings, commands=[*before["commands"], sys.argv])
        return
    if resume:
        raise InputError(f"{folder} holds no run to resume: start one without --resume")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(about, {**settings, "commands": [sys.argv], "commit": _commit()})


def _defaults(recipe: Any) -> dict[str, Any]:
    return {field.name: field.default for field in fields(recipe) if field.default is not MISSING}


def _fixed(settings: dict[str, Any]) -> dict[str, Any]:
    recipe = {name: value for name, value in settings["recipe"].items() if not name.endswith("epochs")}
    return {"family": settings["family"], "recipe": recipe}


def describe(folder: Path, **facts: Any) -> None:
    """Add facts to a run's description: data, hardware, seconds."""
    write_json(folder / RUN, {**read(folder), **facts})


def read(folder: Path) -> dict[str, Any]:
    """Read a run's description; raises InputError if the folder contains no run."""
    try:
        description: dict[str, Any] = json.loads((folder / RUN).read_text())
    except FileNotFoundError:
        raise InputError(f"{folder} holds no training run: make one with `latentsearch train`") from None
    return description


def precision_of(folder: Path) -> str:
    """Return the data type that a run started with, or "auto" if it has not started."""
    begun = read(folder) if (folder / RUN).exists() else {}
    return str(begun.get("precision", "auto")).split()[-1]


def _commit() -> str:
    """Return the git commit of this code, or "unknown"."""
    here = Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


class Stats:
    """`stats.jsonl`: one line every few steps; on resuming, lines after the checkpoint are dropped."""

    def __init__(self, folder: Path, total_step: int) -> None:
        self.path = folder / STATS
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if _step_of(line) <= total_step]
        with atomic_write(self.path) as file:
            file.write("".join(f"{line}\n" for line in kept).encode())

    def add(self, **values: Any) -> None:
        """Append one line."""
        with self.path.open("a") as out:
            out.write(json.dumps(values) + "\n")

    def flush(self) -> None:
        """Flush all lines to the disk, which must happen before a checkpoint that includes them is written."""
        if self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["total_step"])
    except (ValueError, KeyError):  # the process was killed while writing this line
        return float("inf")
