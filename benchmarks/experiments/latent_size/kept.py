"""What has been measured, kept beside the runs, so that a part that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.system.disk import write_json


@dataclass(frozen=True)
class Task:
    """One thing to measure: under which key it is kept, what it depends on, and what measures it, as plain data."""

    key: str
    settings: dict[str, Any]
    compute: Callable[[], Any]


class Kept:
    """A JSON file a part: key -> {"settings", "value"}. What was measured with other settings counts as missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, part: str, task: Task) -> None:
        """Keep what a task measures."""
        rows = self.rows(part) | {task.key: {"settings": task.settings, "value": task.compute()}}
        write_json(self.folder / f"{part}.json", rows)

    def has(self, part: str, task: Task) -> bool:
        """Whether the task has been done with these settings."""
        row = self.rows(part).get(task.key)
        return row is not None and row["settings"] == task.settings

    def rows(self, part: str) -> dict[str, Any]:
        """All that is kept of a part."""
        path = self.folder / f"{part}.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found
