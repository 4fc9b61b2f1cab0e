"""Detect runs that have diverged or collapsed."""

from __future__ import annotations

import math

from torch import Tensor

from indexer.errors import TrainingError

WON_LOSS = 1e-3  # below this loss, the discriminator passes no useful gradient to the generator
WON_STEPS = 500
LEAST_DEVIATION = 0.02  # standard deviation over samples, of values in [0, 1]
WARM_UP_STEPS = 500  # a generator's first images are grey for every code


class DivergenceWatch:
    """Checks the losses and samples of a run and raises TrainingError if it has diverged or collapsed."""

    def __init__(self) -> None:
        self.steps_won = 0

    def losses(self, step: int, losses: dict[str, float], steps: int = 1) -> None:
        """Check the losses of a step; `steps` is the number of steps since the previous check."""
        for name, value in losses.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"the run diverged: {name} is {value} at step {step}; "
                    "lower the learning rate, or --resume from the last checkpoint with fp32"
                )
        won = losses.get("discriminator_loss", 1.0) < WON_LOSS
        self.steps_won = self.steps_won + steps if won else 0
        if self.steps_won >= WON_STEPS:
            raise TrainingError(
                f"the run collapsed: the discriminator's loss has stayed below {WON_LOSS} for {WON_STEPS} steps "
                f"(at step {step}), so the generator no longer learns; start again with another seed"
            )

    def samples(self, step: int, images: Tensor) -> None:
        """Check that generated images (n, 3, h, w) of different codes differ."""
        deviation = images.float().std(dim=0).mean().item()
        if step > WARM_UP_STEPS and deviation < LEAST_DEVIATION:
            raise TrainingError(
                f"the generator collapsed: at step {step} all samples look alike "
                f"(standard deviation {deviation:.4f} of 1); start again with another seed"
            )
