"""The progress of a training run, as its callbacks receive it; importing it does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """The progress of a stage of a run, such as "decoding" or a stage of the family.

    step, steps: the steps (or pictures) done and their total, None until it is known. images_per_second, seconds_left:
    speed and remaining time of the stage, 0 until they are measured. losses: the latest ones by name.
    """

    stage: str
    step: int
    steps: int | None
    images_per_second: float = 0.0
    seconds_left: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
