"""Stores finished measurements beside the runs, so that an interrupted part can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.system.disk import write_json


@dataclass(frozen=True)
class Task:
    """One measurement: its key, the settings that it depends on, and a function that returns plain data."""

    key: str
    settings: dict[str, Any]
    compute: Callable[[], Any]


class Kept:
    """One JSON file per part: key -> {"settings", "value"}. Measurements with other settings count as missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, part: str, task: Task) -> None:
        """Run a task and store its result."""
        rows = self.rows(part) | {task.key: {"settings": task.settings, "value": task.compute()}}
        write_json(self.folder / f"{part}.json", rows)

    def has(self, part: str, task: Task) -> bool:
        """Whether the task has a result with these settings."""
        row = self.rows(part).get(task.key)
        return row is not None and row["settings"] == task.settings

    def rows(self, part: str) -> dict[str, Any]:
        """All stored results of a part."""
        path = self.folder / f"{part}.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found
