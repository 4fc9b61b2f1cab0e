"""The progress bar on stderr, shown only in a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

# A progress bar appears after this time; shorter work shows none.
SECONDS_BEFORE = 1.0


class Bar:
    """A progress bar with speed and remaining time; a context manager.

    what: the work, in a word. total: how many units there are, None if not known yet. unit: their name, plural.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "images") -> None:
        self.is_shown = sys.stderr.isatty()
        self._what = what
        self._unit = unit
        self._total = total
        self._done = 0
        self._begin = time.monotonic()
        self._progress: Progress | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Remove the bar from the terminal."""
        if self._progress is not None:
            self._progress.stop()

    def advance(self, count: int = 1) -> None:
        """Count further units as done."""
        self.show(self._done + count, self._total)

    def show(self, done: int, total: int | None, what: str | None = None, pace: str | None = None) -> None:
        """Show that `done` of `total` units are done; `what` and `pace` replace the name of the work and its speed."""
        self._done, self._total = done, total
        seconds = time.monotonic() - self._begin
        if not self.is_shown or seconds < SECONDS_BEFORE:
            return
        # The bar is opened this late because importing rich takes longer than many runs.
        self._progress = self._progress or self._open()
        self._progress.update(
            self._progress.task_ids[0],
            description=what or self._what,
            completed=done,
            total=total,
            pace=pace or f"{done / seconds:.0f} {self._unit}/s",
        )

    def _open(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
        )
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        progress.add_task(self._what, total=self._total, pace="")
        progress.start()
        return progress
