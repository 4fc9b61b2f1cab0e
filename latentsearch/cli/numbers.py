"""Types of options that are numbers: what does not fit is one sentence, before any work is done."""

from __future__ import annotations

import math
from typing import Any

import click

from indexer.numbers import GREATEST, LEAST
from latentsearch.training.engine import limits

WHOLE = click.IntRange(LEAST, GREATEST)
COUNT = click.IntRange(1, GREATEST)
COUNT_OR_NONE = click.IntRange(0, GREATEST)
# What PyTorch and numpy both begin with.
SEED = click.IntRange(0, GREATEST)
THREADS = click.IntRange(1, 1_024)
LATENT_SIZE = click.IntRange(1, limits.LATENT_SIZE)
WIDTH = click.IntRange(1, limits.WIDTH)


class Finite(click.FloatRange):
    """A number in a range, which neither infinity nor NaN is: comparisons alone let NaN through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails for what is none, for infinity and NaN, and outside of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SHARE = Finite(0, 1)
POSITIVE = Finite(0, min_open=True)
NOT_NEGATIVE = Finite(0)
