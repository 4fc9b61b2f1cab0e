"""The options of `latentsearch train`, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

# The family without a network, which needs no PyTorch; and the value of --latent-size that chooses a size.
FITTED, AUTO = "parts", "auto"


@dataclass(frozen=True)
class TrainRequest:
    """The options of `latentsearch train`, each under its own name.

    settings: the options that are fields of a recipe, by field name; None keeps the preset's value.
    """

    family: str
    data: Path
    folder: Path
    preset: str
    resume: bool
    generator: Path | None
    label_file: Path | None
    labels: tuple[str, ...]
    changes: tuple[str, ...]
    threads: int | None
    device: str
    precision: str
    checkpoint_seconds: float
    sheet_steps: int
    auto_sizes: str
    auto_factor: float
    auto_steps: int
    settings: dict[str, Any]

    @classmethod
    def of(cls, options: dict[str, Any]) -> TrainRequest:
        """Make a request from all options of the verb."""
        own = {field.name for field in fields(cls)}
        known = {name: value for name, value in options.items() if name in own}
        return cls(**known, settings={name: value for name, value in options.items() if name not in own})
