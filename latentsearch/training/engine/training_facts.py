"""The facts about a training run that a bundle records."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

from latentsearch.training.engine import run as runs


def generator_facts(run: Path) -> dict[str, Any]:
    """Return the commands, steps and seconds of a run whose generator another run starts from, with its own start's.

    Raises InputError if the folder contains no run.
    """
    from latentsearch.training.engine.checkpoint import STATE

    about, position = runs.read(run), json.loads((run / STATE).read_text())
    return _with_start(about, position["total_step"], position["seconds"])


def _with_start(about: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
    """Return a run's commands, steps and seconds together with those of the run whose generator it started from."""
    start = about.get("generator", {"commands": [], "steps": 0, "seconds": 0})
    return {
        "commands": [*start["commands"], *about["commands"]],
        "steps": start["steps"] + steps,
        "seconds": start["seconds"] + seconds,
    }


def run_facts(about: dict[str, Any], steps: int, seconds: float, terms: str) -> dict[str, Any]:
    """Collect a bundle's facts from a run's description, and from that of the run whose generator it started from.

    terms: the weights' terms of use.
    """
    whole = _with_start(about, steps, seconds)
    return {
        "data": about["data"]["source"],
        "images": about["data"]["images"],
        "steps": whole["steps"],
        "seconds": round(whole["seconds"]),
        "hardware": about["hardware"],
        "precision": about["precision"],
        "preset": about["preset"],
        "seed": about["recipe"]["seed"],
        "recipe": about["recipe"],
        "terms": terms,
        "commands": [_portable(command) for command in whole["commands"]],
        "commit": about.get("commit", "unknown"),
    }


def _portable(command: list[str]) -> str:
    """Format a command for use on another machine, with paths reduced to their last component."""
    return shlex.join(["latentsearch", *(Path(word).name if os.sep in word else word for word in command[1:])])
