"""Runs that an experiment trains for itself, where they are missing, and goes on with where they were stopped."""

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
    """`latentsearch train` in a process of its own, with --resume where the run has begun.

    Raises InputError when that ends badly; it has said why.
    """
    words = ["train", family, str(data), "-o", str(run), *options]
    words += ["--resume"] if (run / runs.RUN).exists() else []
    done = subprocess.run([sys.executable, "-m", "latentsearch", *words], check=False)
    if done.returncode:
        raise InputError(f"the training of {run} ended with exit code {done.returncode}: see what it said above")


def is_finished(run: Path) -> bool:
    """Whether the folder holds a run of one stage that has taken all its steps."""
    if not (run / STATE).exists():
        return False
    about = runs.read(run)
    recipe = about["recipe"]
    taken = json.loads((run / STATE).read_text())["total_step"]
    step_size = recipe["batch"] * recipe.get("critic_steps", 1)
    return bool(taken >= recipe["epochs"] * (about["data"]["images"] // step_size))
