"""Detect runs that have diverged or collapsed, and encoders whose codes have left the generator's prior."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from torch import Tensor

from indexer.errors import TrainingError

logger = logging.getLogger(__name__)

WON_LOSS = 1e-3  # below this loss, the discriminator passes no useful gradient to the generator
WON_STEPS = 500
LEAST_DEVIATION = 0.02  # standard deviation over samples, of values in [0, 1]
WARM_UP_STEPS = 500  # a generator's first images are grey for every code
# 5 % of a prior's numbers are beyond this: of U(-1, 1), and of N(0, 1).
OUTER = {"uniform": 0.95, "gaussian": 1.96}
VARIANCE = {"uniform": 1 / 3, "gaussian": 1.0}
# A sound inverse has 0.05 of its numbers there and the prior's length, and is closer to z than 0 is.
MOST_OUTER, LENGTHS, MOST_ERROR = 0.2, (0.75, 1.25), 1.0


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


@dataclass(frozen=True)
class CodeStatistics:
    """How far recovered codes are from the prior.

    outer: the share of their numbers where 5 % of the prior's are. length: their mean Euclidean length, as a multiple
    of the prior's. error: their mean squared error, as a multiple of the prior's variance, which is what codes of 0
    would have.
    """

    outer: float
    length: float
    error: float

    @classmethod
    def of(cls, codes: Tensor, recovered: Tensor, prior: str) -> CodeStatistics:
        """Compare codes drawn from "uniform" or "gaussian" with recovered ones, float32 (n, d) each."""
        variance = VARIANCE[prior]
        expected = math.sqrt(variance * codes.shape[1])
        return cls(
            (recovered.abs() > OUTER[prior]).float().mean().item(),
            recovered.norm(dim=1).mean().item() / expected,
            (recovered - codes).square().mean().item() / variance,
        )

    def to_json(self) -> dict[str, float]:
        """Return the statistics by the names that they have in stats.jsonl."""
        return {"code_outer": self.outer, "code_length": self.length, "code_error": self.error}

    def problems(self) -> list[str]:
        """Name what shows that the encoder has left the prior; [] for a sound one."""
        least, most = LENGTHS
        found = []
        if self.outer > MOST_OUTER:
            found.append(f"{100 * self.outer:.0f} % of their numbers are where 5 % of the prior's are")
        if not least <= self.length <= most:
            found.append(f"their mean length is {self.length:.2f} times the prior's")
        if self.error > MOST_ERROR:
            found.append(f"their squared error is {self.error:.2f} times that of codes of 0")
        return found


class PriorWatch:
    """Warns, once, when codes recovered from generated pictures leave the prior."""

    def __init__(self) -> None:
        self._has_warned = False

    def look(self, step: int, statistics: CodeStatistics) -> None:
        """Log a warning for the first statistics that show a problem."""
        problems = statistics.problems()
        if problems and not self._has_warned:
            self._has_warned = True
            logger.warning("at step %d, the codes of generated pictures leave the prior: %s", step, "; ".join(problems))
