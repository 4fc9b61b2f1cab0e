"""How long the stages of a search take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from latentsearch.results import Took


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {"load": 0.0, "encode": 0.0, "search": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add time that was measured elsewhere to a stage."""
        self.spent[name] = self.spent.get(name, 0.0) + 1000 * seconds

    def took(self) -> Took:
        """What was measured, to a hundredth of a millisecond."""
        return Took(**{name: round(spent, 2) for name, spent in self.spent.items()})
