"""Training runs that an experiment needs: trained if they are missing, resumed if they were interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from indexer.errors import InputError
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.checkpoint import STATE


def train(family: str, data: Path, run: Path, options: Sequence[str]) -> None:
    """Run `latentsearch train` in its own process, with --resume if the run has begun.

    Raises InputError if it fails; its own message is on stderr.
    """
    words = ["train", family, str(data), "-o", str(run), *options]
    words += ["--resume"] if (run / runs.RUN).exists() else []
    done = subprocess.run([sys.executable, "-m", "latentsearch", *words], check=False)
    if done.returncode:
        raise InputError(f"the training of {run} failed with exit code {done.returncode}: see its message above")


def is_finished(run: Path) -> bool:
    """Whether the folder holds a single-stage run that has taken all its steps."""
    if not (run / STATE).exists():
        return False
    about = runs.read(run)
    recipe = about["recipe"]
    taken = json.loads((run / STATE).read_text())["total_step"]
    step_size = recipe["batch"] * recipe.get("critic_steps", 1)
    return bool(taken >= recipe["epochs"] * (about["data"]["images"] // step_size))
