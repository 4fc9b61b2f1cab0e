"""`latentsearch train` for the families that train a network with PyTorch."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli.stderr import Bar
from latentsearch.cli.train_request import AUTO, TrainRequest
from latentsearch.training.engine import limits

if TYPE_CHECKING:
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.datasets.ring import Points
    from latentsearch.training.engine.family import Family, Recipe
    from latentsearch.training.engine.loop import Progress
    from latentsearch.training.engine.precision import Precision

logger = logging.getLogger(__name__)


def train_network(asked: TrainRequest) -> None:
    """Train or resume a run, and print the command that exports it. Raises InputError, TrainingError."""
    import torch

    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.loop import Schedule, train
    from latentsearch.training.engine.precision import Precision, hardware

    if asked.threads:
        torch.set_num_threads(asked.threads)
    recipe = _recipe(asked, _settings(asked))
    folder = asked.folder
    precision = runs.precision_of(folder) if asked.resume and asked.precision == "auto" else asked.precision
    chosen = Precision.choose(asked.device, precision)
    logger.debug("%s on %s", recipe, chosen)
    found = _prepare(asked, recipe)
    learner, found = _learner(asked, recipe, chosen, found)
    runs.describe(folder, data=found.describe(), preset=asked.preset, hardware=hardware(), precision=str(chosen))
    started = time.monotonic()
    schedule = Schedule(asked.checkpoint_seconds, asked.sheet_steps)
    with Bar("training", unit="steps") as bar:
        train(learner, found, folder, lambda now: _show(bar, now), schedule)
    click.echo(f"trained in {time.monotonic() - started:.0f} s: latentsearch export {folder} -o BUNDLE", err=True)


def _settings(asked: TrainRequest) -> dict[str, Any]:
    """Return the requested fields of the recipe, with the sizes of a given generator or a chosen latent size."""
    settings = asked.settings | {"labels": asked.labels or None}
    if asked.generator:
        settings |= _sizes_of_generator(asked.generator)
    if settings["latent_size"] == AUTO:
        settings["latent_size"] = _chosen_size(asked, settings["seed"] or 0)
    return settings


def _sizes_of_generator(run: Path) -> dict[str, Any]:
    """Return the sizes of a finished run's generator, and 0 epochs for training one."""
    from latentsearch.training.engine import run as runs

    names = ("width", "latent_size", "generator_position", "discriminator_position")
    return {name: runs.read(run)["recipe"].get(name) for name in names} | {"generator_epochs": 0}


def _chosen_size(asked: TrainRequest, seed: int) -> int:
    """Return the latent size of a resumed run, or choose one by training an autoencoder of each size."""
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.latent_size import choose
    from latentsearch.training.engine.precision import Precision

    sizes, precision = _numbers(asked.auto_sizes), Precision.choose(asked.device, asked.precision)
    if asked.resume:
        return int(runs.read(asked.folder)["recipe"]["latent_size"])
    with Bar("choosing", unit="steps") as bar:
        choice = choose(
            asked.data,
            asked.folder,
            sizes=sizes,
            factor=asked.auto_factor,
            steps=asked.auto_steps,
            seed=seed,
            precision=precision,
            report=lambda size, now: bar.show(now.step, now.steps, f"autoencoder of {size} numbers", "steps"),
        )
    click.echo(choice.reason, err=True)
    return choice.size


def _numbers(text: str) -> list[int]:
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError:
        sizes = [0]
    if sizes[0] < 1 or sizes[-1] > limits.LATENT_SIZE:
        raise click.BadParameter(f"{text!r} is not numbers with commas between, each from 1 to {limits.LATENT_SIZE}")
    return sizes


def _recipe(asked: TrainRequest, settings: dict[str, Any]) -> Recipe:
    """Return the preset's recipe with the requested settings, and with the labels to learn."""
    from indexer.errors import InputError
    from latentsearch.training.datasets import examples
    from latentsearch.training.datasets.labelled import choose_labels
    from latentsearch.training.engine import registry
    from latentsearch.training.engine.family import LabelledRecipe

    recipe = registry.choose_recipe(asked.family, examples.content_of(asked.data), asked.preset, settings)
    recipe = registry.change_recipe(recipe, asked.changes)
    if isinstance(recipe, LabelledRecipe):
        return replace(recipe, labels=choose_labels(asked.data, asked.label_file, recipe.labels))
    if asked.label_file:
        raise InputError(f"{asked.family} learns without labels: leave out --labels")
    return recipe


def _prepare(asked: TrainRequest, recipe: Recipe) -> Images | Points:
    """Check the data, make the run's folder and load the data. Bad input leaves no folder behind."""
    from latentsearch.training.datasets import examples
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.loop import require_batch

    require_batch(examples.count(asked.data), recipe.step_size)
    runs.begin(asked.folder, asked.family, recipe, asked.resume)
    with Bar("decoding") as bar:
        found = examples.load(asked.data, asked.folder, recipe.framing, bar.show)
    click.echo(found.describe_for_people(), err=True)
    return found


def _learner(
    asked: TrainRequest, recipe: Recipe, precision: Precision, found: Images | Points
) -> tuple[Family, Images | Points]:
    """Make the networks, and add labels to the examples if the family learns with them."""
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.datasets.labelled import with_labels
    from latentsearch.training.engine import registry
    from latentsearch.training.engine.family import LabelledRecipe
    from latentsearch.training.engine.trained import load_family

    learner = registry.load_module(asked.family).FAMILY(recipe, precision)
    if isinstance(recipe, LabelledRecipe) and isinstance(found, Images):
        found = with_labels(found, asked.data, asked.label_file, recipe.labels, asked.folder)
        learner.take_labels(found.all_labels())
    if asked.generator and not asked.resume:
        learner.take_generator(load_family(asked.generator))
    return learner, found


def _show(bar: Bar, now: Progress) -> None:
    losses = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in now.losses.items())
    bar.show(now.step, now.steps, now.stage, f"steps, {now.images_per_second:.0f} images/s, {losses}")
