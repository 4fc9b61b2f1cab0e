"""Types of the callbacks through which long operations report progress."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

# Called with the number of items done and the total number, which is None while unknown.
Report = Callable[[int, int | None], None]
# The same for operations in several steps; the first argument is the step's name.
StepReport = Callable[[str, int, int | None], None]


def of_one_step(on_progress: StepReport | None, step: str) -> Report | None:
    """Adapt a callback that takes a step's name to work with a single step."""
    return None if on_progress is None else partial(on_progress, step)
