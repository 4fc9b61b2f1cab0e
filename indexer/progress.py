"""The functions that long work calls to say how far it has come."""

from __future__ import annotations

from collections.abc import Callable

# How many are done, and how many there are in all: None while they are not counted yet.
Report = Callable[[int, int | None], None]
# The same for work in several steps, with the name of the step first.
StepReport = Callable[[str, int, int | None], None]
