"""What `latentsearch train` is asked for: plain data between its options and the run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

# The family without a network, which needs no PyTorch; and the latent size that is looked for.
FITTED, AUTO = "parts", "auto"


@dataclass(frozen=True)
class TrainRequest:
    """What the verb's options say, each by its own name.

    settings: those that are fields of a recipe, by the field's name; None for what the preset says.
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
        """The request that all options of the verb make."""
        own = {field.name for field in fields(cls)}
        known = {name: value for name, value in options.items() if name in own}
        return cls(**known, settings={name: value for name, value in options.items() if name not in own})
