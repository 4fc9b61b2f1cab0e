"""What goes to stderr beside errors: a progress bar, in a terminal alone, and what is logged, a line each."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from latentsearch.cli import tell

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


# `export` and `data fetch` log the steps of their work, which stand beside what these verbs print: without a prefix.
STEPS = ("latentsearch.export.", "latentsearch.data.")


class Lines(logging.Handler):
    """Prints each message as the command line prints its own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        sentence = self.format(record)
        if record.name.startswith(STEPS):
            click.echo(sentence, err=True)
        else:
            tell(sentence)


def log_to_stderr(verbose: bool) -> None:
    """Print what is logged from now on: information and what is worse; verbose: details too."""
    for package in ("indexer", "latentsearch"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
        if not any(isinstance(handler, Lines) for handler in logger.handlers):
            logger.addHandler(Lines())
