"""The facts about a training run that a bundle records."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any


def run_facts(about: dict[str, Any], steps: int, seconds: float, terms: str) -> dict[str, Any]:
    """Collect a bundle's facts from a run's description; terms: the weights' terms of use."""
    return {
        "data": about["data"]["source"],
        "images": about["data"]["images"],
        "steps": steps,
        "seconds": round(seconds),
        "hardware": about["hardware"],
        "precision": about["precision"],
        "preset": about["preset"],
        "seed": about["recipe"]["seed"],
        "recipe": about["recipe"],
        "terms": terms,
        "commands": [_portable(command) for command in about["commands"]],
        "commit": about.get("commit", "unknown"),
    }


def _portable(command: list[str]) -> str:
    """Format a command for use on another machine, with paths reduced to their last component."""
    return shlex.join(["latentsearch", *(Path(word).name if os.sep in word else word for word in command[1:])])
