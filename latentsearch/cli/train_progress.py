"""The progress bar of `latentsearch train`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from latentsearch.cli.stderr import Bar

if TYPE_CHECKING:
    from latentsearch.training.progress import Progress


class StageBar:
    """A progress bar that starts anew with each stage; a context manager."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._stage = ""

    def __enter__(self) -> StageBar:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def show(self, now: Progress) -> None:
        """Show the progress of a stage, with its speed and losses if it has them."""
        if self._bar is None or now.stage != self._stage:
            self._end()
            self._bar, self._stage = Bar(now.stage), now.stage
        losses = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in now.losses.items())
        pace = f"steps, {now.images_per_second:.0f} images/s, {losses}" if losses else None
        self._bar.show(now.step, now.steps, pace=pace)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.end()
