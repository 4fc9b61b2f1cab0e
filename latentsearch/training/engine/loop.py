"""The training loop of all families: stages of steps, checkpoints, statistics, image grids, divergence checks."""

from __future__ import annotations

import errno
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.errors import InputError
from indexer.system.interrupts import interruptible
from latentsearch.training.datasets.images import epoch_batches
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from latentsearch.training.engine.divergence import WARM_UP_STEPS, CodeStatistics, DivergenceWatch, PriorWatch
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import save_image_grid
from latentsearch.training.progress import Progress

STATS_EVERY_STEPS = 20
# Steps between two comparisons of codes with the prior; a multiple of STATS_EVERY_STEPS.
CODES_EVERY_STEPS = 100


class Examples(Protocol):
    """The training examples of a run."""

    def __len__(self) -> int:
        """Return the number of training examples."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the examples of these rows: images float32 (n, 3, h, w) in [0, 1], or points (n, 2)."""
        ...

    def labels(self, rows: NDArray[np.int64]) -> Tensor | None:
        """Return the labels of these rows, float32 (n, labels), or None if the run does not use labels."""
        ...

    def shown(self) -> Tensor:
        """Return the examples for the image grids, in the format of `batch`."""
        ...


@dataclass
class Position:
    """The position of a run: stage, steps done in it and overall, and seconds of training so far."""

    stage: int = 0
    step: int = 0
    total_step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """The intervals between checkpoints, in seconds, and between image grids, in steps."""

    checkpoint_seconds: float = 120.0
    grid_steps: int = 250


def train(
    family: Family,
    examples: Examples,
    folder: Path,
    report: Callable[[Progress], None] = lambda progress: None,
    schedule: Schedule = Schedule(),
) -> None:
    """Run all stages of a family, continuing from the folder's checkpoint if there is one.

    Raises InputError if there are fewer examples than a batch, the checkpoint is damaged or the disk is full, and
    TrainingError if the run collapses or diverges. On Ctrl-C and SIGTERM it finishes the step, saves a checkpoint and
    raises KeyboardInterrupt.
    """
    require_batch(len(examples), family.batch)
    try:
        with interruptible(signal.SIGINT, signal.SIGTERM) as interrupted:
            Training(family, examples, folder, report, schedule, interrupted).go()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"the disk of {folder} is full: make room and go on with --resume") from error
        raise


def require_batch(count: int, batch: int) -> None:
    """Raise InputError if there are fewer training examples than fit in a batch."""
    if count < batch:
        raise InputError(f"{count} training examples are fewer than a batch of {batch}: add some, or lower --batch")


class Training:
    """A run in progress."""

    def __init__(
        self,
        family: Family,
        examples: Examples,
        folder: Path,
        report: Callable[[Progress], None],
        schedule: Schedule,
        interrupted: threading.Event,
    ) -> None:
        self.family, self.examples, self.folder = family, examples, folder
        self.report, self.schedule, self.interrupted = report, schedule, interrupted
        self.position, self.divergence, self.prior = Position(), DivergenceWatch(), PriorWatch()
        checkpoint = load_checkpoint(folder)
        if checkpoint:
            restore(family, checkpoint.tensors)
            self.divergence.steps_won = checkpoint.position.pop("steps_won")
            self.position = Position(**checkpoint.position)
        self.stats = runs.Stats(folder, self.position.total_step)
        self.started = time.monotonic() - self.position.seconds
        self.saved_at = time.monotonic()

    def go(self) -> None:
        """Take all remaining steps."""
        for stage in self.family.stages[self.position.stage :]:
            self._stage(stage)

    def _stage(self, stage: Stage) -> None:
        steps_per_epoch = len(self.examples) // self.family.batch
        steps = stage.epochs * steps_per_epoch
        clock, clock_step = time.monotonic(), self.position.step
        while self.position.step < steps:
            epoch, start = divmod(self.position.step, steps_per_epoch)
            seed = (self.family.seed, self.position.stage, epoch)
            for rows in epoch_batches(len(self.examples), self.family.batch, seed)[start:]:
                self.family.progress = self.position.step / steps
                losses = stage.step(*self._batch(rows))
                self.position.step += 1
                self.position.total_step += 1
                if self.position.total_step % STATS_EVERY_STEPS == 0:
                    rate = (self.position.step - clock_step) * self.family.batch / (time.monotonic() - clock)
                    self._look(stage, steps, {name: value.item() for name, value in losses.items()}, rate)
                    clock, clock_step = time.monotonic(), self.position.step
                self._keep()
        if steps:  # a stage without steps must not change a generator taken from another run
            stage.finish()
        if stage is not self.family.stages[-1]:  # stay in the last stage: it can be resumed with more epochs
            self.position.stage, self.position.step = self.position.stage + 1, 0
        self.save()

    def _batch(self, rows: NDArray[np.int64]) -> list[Tensor]:
        parts = (self.examples.batch(rows), self.examples.labels(rows))
        return [self.family.precision.move_batch(part) for part in parts if part is not None]

    def _look(self, stage: Stage, steps: int, losses: dict[str, float], rate: float) -> None:
        self.divergence.losses(self.position.total_step, losses, STATS_EVERY_STEPS)
        where = {"total_step": self.position.total_step, "stage": stage.name, "step": self.position.step}
        self.stats.add(**where, **losses, **self._compare_codes())
        left = (steps - self.position.step) * self.family.batch / rate
        self.report(Progress(stage.name, self.position.step, steps, rate, left, losses))

    def _keep(self) -> None:
        if self.interrupted.is_set():
            self.save()
            raise KeyboardInterrupt
        if self.position.total_step % self.schedule.grid_steps == 0:
            self.show()
        if time.monotonic() - self.saved_at > self.schedule.checkpoint_seconds:
            self.save()

    @torch.no_grad()
    def show(self) -> None:
        """Write the image grids and check that the samples differ from one another."""
        shown = self.family.precision.move_batch(self.examples.shown())
        for name, grid in self.family.image_grids(shown).items():
            if name == "samples":
                self.divergence.samples(self.position.total_step, grid)
            save_image_grid(self.folder / "sheets" / f"{name}-{self.position.total_step:07d}.png", grid)

    @torch.no_grad()
    def _compare_codes(self) -> dict[str, float]:
        """Return how far the codes of generated pictures are from the prior, and warn if they have left it."""
        if self.position.total_step % CODES_EVERY_STEPS or (pair := self.family.recovered_codes()) is None:
            return {}
        statistics = CodeStatistics.of(*pair, self.family.prior)
        if self.position.step >= WARM_UP_STEPS:
            self.prior.look(self.position.total_step, statistics)
        return statistics.to_json()

    def save(self) -> None:
        """Write a checkpoint."""
        self.stats.flush()
        self.position.seconds = time.monotonic() - self.started
        position = {**vars(self.position), "steps_won": self.divergence.steps_won}
        save_checkpoint(self.folder, Checkpoint(snapshot(self.family), position))
        self.saved_at = time.monotonic()


def snapshot(family: Family) -> dict[str, Tensor]:
    """Return all tensors that later steps depend on, by name."""
    tensors = {"random": family.random.get_state()}
    for name, network in family.networks.items():
        tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
    for name, ema in family.emas.items():
        tensors |= {f"{name}_average/{key}": value for key, value in ema.network.state_dict().items()}
        tensors[f"{name}_average_steps"] = torch.tensor(ema.steps)
    for name, optimiser in family.optimisers.items():
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}_optimiser/{index}/{key}": value for key, value in moments.items()}
    return tensors


def restore(family: Family, tensors: dict[str, Tensor]) -> None:
    """Load a snapshot into a family."""
    family.random.set_state(tensors["random"])
    for name, network in family.networks.items():
        network.load_state_dict(_below(tensors, name))
    for name, ema in family.emas.items():
        ema.network.load_state_dict(_below(tensors, f"{name}_average"))
        ema.steps = int(tensors[f"{name}_average_steps"])
    for name, optimiser in family.optimisers.items():
        state: dict[int, Any] = {}
        for key, value in _below(tensors, f"{name}_optimiser").items():
            index, moment = key.split("/")
            state.setdefault(int(index), {})[moment] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        _lay_out_moments(optimiser)


def _lay_out_moments(optimiser: torch.optim.Optimizer) -> None:
    """Give moments the memory layout of their weights: a fused optimiser processes both in memory order."""
    for weight, moments in optimiser.state.items():
        for name, value in moments.items():
            if value.shape == weight.shape:
                moments[name] = torch.empty_like(weight.detach()).copy_(value)


def _below(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
