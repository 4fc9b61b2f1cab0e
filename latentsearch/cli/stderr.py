"""Output on stderr besides errors: a progress bar, only in a terminal, and log messages, one per line."""

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

# A progress bar appears after this time; shorter work shows none.
SECONDS_BEFORE = 1.0
# `train`, `export` and `data fetch` log their steps as part of their own output, so these messages have no prefix.
STEPS = ("latentsearch.interface.training", "latentsearch.export.", "latentsearch.data.")


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


class Lines(logging.Handler):
    """Prints log messages in the format of the command line's own messages."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        sentence = self.format(record)
        if record.levelno > logging.DEBUG and record.name.startswith(STEPS):
            click.echo(sentence, err=True)
        else:
            tell(sentence)


def log_to_stderr(verbose: bool) -> None:
    """Print log messages on stderr from now on: INFO and above; with `verbose`, DEBUG, too."""
    for package in ("indexer", "latentsearch"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
        if not any(isinstance(handler, Lines) for handler in logger.handlers):
            logger.addHandler(Lines())
