"""Types of the callbacks through which long operations report progress."""

from __future__ import annotations

from collections.abc import Callable

# Called with the number of items done and the total number, which is None while unknown.
Report = Callable[[int, int | None], None]
# The same for operations in several steps; the first argument is the step's name.
StepReport = Callable[[str, int, int | None], None]
