"""A progress bar for every verb: on stderr, in a terminal alone, and only for what takes a while."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BEFORE = 1.0


class Bar:
    """Shows how much is done, how fast and how long it will take; a context manager.

    what: the work, a word. unit: what is counted. total: how many there are, None where that is not known yet.
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
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Take it away."""
        if self._progress is not None:
            self._progress.stop()

    def advance(self, count: int = 1) -> None:
        """Count more as done."""
        self.show(self._done + count, self._total)

    def show(self, done: int, total: int | None, what: str | None = None, pace: str | None = None) -> None:
        """Show that so many are done, of so many in all; what and pace replace the work's word and its speed."""
        self._done, self._total = done, total
        seconds = time.monotonic() - self._begin
        if not self.is_shown or seconds < SECONDS_BEFORE:
            return
        # Only now: importing rich takes longer than many a run.
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
