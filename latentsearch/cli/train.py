"""`latentsearch train FAMILY DIR -o RUN`."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.numbers import GREATEST
from latentsearch.cli.numbers import (
    COUNT,
    COUNT_OR_NONE,
    LATENT_SIZE,
    NOT_NEGATIVE,
    SEED,
    SHARE,
    THREADS,
    WIDTH,
    Finite,
)
from latentsearch.cli.progress import Bar
from latentsearch.training.engine import limits

if TYPE_CHECKING:
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.datasets.ring import Points
    from latentsearch.training.engine.family import Recipe
    from latentsearch.training.engine.loop import Progress
    from latentsearch.training.engine.precision import Precision

# A module each in latentsearch.training, which `--help` does not import.
AUTO = "auto"
FITTED = "parts"  # which needs no PyTorch
NETWORKS = ("aegan", "direct", "bigan", "ivegan", "icgan", "attributes", "autoencoder", "contrastive", "wgan-gp")
FAMILIES = (FITTED, *NETWORKS)
DESIGNS = ("IND", "IND-COND", "SNG")
POSITION = click.IntRange(0, 4)


def _latent_size(context: click.Context, option: click.Parameter, value: Any) -> int | str | None:
    """A number of at least 1, or "auto"."""
    return value if value in (None, AUTO) else LATENT_SIZE.convert(value, option, context)


@click.command("train")
@click.argument("family", type=click.Choice(FAMILIES))
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--preset", type=click.Choice(("paper", "small", "large", "copies")), default="small", show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--generator", type=click.Path(path_type=Path), help="direct, icgan: take that of this run.")
@click.option("--width", type=WIDTH, help="Channels of the first convolution.")
@click.option("--latent-size", callback=_latent_size, metavar="N|auto", help="Numbers of a code, or auto: see below.")
@click.option("--auto-sizes", default="10,50,100,500,1000", show_default=True, help="auto: what is tried.")
@click.option("--auto-factor", type=Finite(1), default=1.2, show_default=True, help="auto: how far an error may be.")
@click.option("--auto-steps", type=COUNT, default=1000, show_default=True, help="auto: of each autoencoder.")
@click.option("--batch", type=click.IntRange(2, GREATEST), help="Pictures a step.")
@click.option("--epochs", type=COUNT_OR_NONE)
@click.option("--generator-epochs", type=COUNT_OR_NONE, help="aegan, direct, icgan: of the generator.")
@click.option("--inverse-epochs", type=COUNT_OR_NONE, help="aegan, direct: of the inverse; icgan: of Ez.")
@click.option("--attribute-epochs", type=COUNT_OR_NONE, help="icgan: of Ey; 0 with --generator takes that run's.")
@click.option("--design", type=click.Choice(DESIGNS), help="icgan: how Ez and Ey go together.  [IND]")
@click.option("--generator-position", type=POSITION, help="icgan: the layers of G before y is joined.  [0]")
@click.option("--discriminator-position", type=POSITION, help="icgan: the layers of D before y is joined.  [1]")
@click.option("--labels", "label_file", type=click.Path(path_type=Path), help="icgan, attributes: a CSV of labels.")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME", help="icgan, attributes: learn with this one; repeat."
)
@click.option("--parts", metavar="NAME|FILE", help="parts: faces, grid, or a TOML or JSON file of boxes.  [by shape]")
@click.option("--average-decay", type=SHARE, help="Decay of the moving average of weights.")
@click.option("--change", "changes", multiple=True, metavar="NAME=VALUE", help="Any other field of the recipe; repeat.")
@click.option("--variational", is_flag=True, default=None, help="autoencoder: a variational one.")
@click.option("--mirrored", is_flag=True, default=None, help="autoencoder: with the networks of wgan-gp.")
@click.option("--seed", type=SEED)
@click.option("--threads", type=THREADS, help="Processor threads; the same number gives the same run.")
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(("auto", "fp32", "bf16", "fp16")), default="auto", show_default=True)
@click.option("--checkpoint-seconds", type=NOT_NEGATIVE, default=120.0, show_default=True)
@click.option("--sheet-steps", type=COUNT, default=250, show_default=True)
def command(
    family: str,
    data: Path,
    folder: Path,
    preset: str,
    resume: bool,
    generator: Path | None,
    label_file: Path | None,
    labels: tuple[str, ...],
    changes: tuple[str, ...],
    threads: int | None,
    device: str,
    precision: str,
    checkpoint_seconds: float,
    sheet_steps: int,
    auto_sizes: str,
    auto_factor: float,
    auto_steps: int,
    **settings: Any,
) -> None:
    """Learn codes from DATA: a folder of pictures, MNIST (mnist.npz or a folder of its files), CIFAR-10 (an .npz
    file), or the word `ring` for the synthetic ring.

    parts is classical, no network: it needs neither PyTorch nor more than some minutes. It reads whole, middle, eyes,
    nose, mouth, top and jaw of aligned faces, which it knows by the shape of CelebA's files, 178x218 (else: --parts
    faces); of other pictures whole, middle and quarters. --parts FILE names other boxes: a table `parts` of
    NAME = [left, top, right, bottom], as shares of the framed picture from 0 to 1.

    icgan and attributes learn with labels, 1 or 0: CelebA's, found in DATA or beside it, those of --labels FILE.csv,
    or the ten digits. All others learn without.

    The run's folder gets checkpoints, `stats.jsonl`, and sheets of samples and reconstructions. A run that was
    stopped at any moment goes on with --resume.

    --latent-size auto tries several sizes first: an autoencoder of each learns for a while, and the smallest size whose
    error on validation images is within --auto-factor of the largest's is taken.

    --change shift=0 sets a field of the recipe that has no option of its own; run.json in a run's folder lists all.
    """
    from indexer.system.extras import require_training

    if family == FITTED:
        if generator or label_file or labels or settings["latent_size"] == AUTO:
            raise click.UsageError("parts has no --generator, --labels, --label or --latent-size auto: leave it out.")
        return _fit(data, folder, preset, resume, changes, settings)
    require_training()
    import torch

    from indexer.errors import InputError
    from latentsearch.training.datasets import examples
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.datasets.labelled import choose_labels, with_labels
    from latentsearch.training.engine import registry
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.family import LabelledRecipe
    from latentsearch.training.engine.loop import Schedule, train
    from latentsearch.training.engine.precision import Precision, hardware
    from latentsearch.training.engine.trained import load_family

    if threads:
        torch.set_num_threads(threads)
    if generator:
        settings = _as_the_generator(generator, settings)
    settings["labels"] = labels or None
    if settings["latent_size"] == AUTO:
        auto = {"sizes": _numbers(auto_sizes), "factor": auto_factor, "steps": auto_steps}
        settings["latent_size"] = _chosen_size(
            data, folder, resume, Precision.choose(device, precision), settings, auto
        )
    recipe = registry.choose_recipe(family, examples.kind_of(data), preset, settings)
    recipe = registry.change_recipe(recipe, changes)
    if isinstance(recipe, LabelledRecipe):
        recipe = replace(recipe, labels=choose_labels(data, label_file, recipe.labels))
    elif label_file:
        raise InputError(f"{family} learns without labels: leave out --labels")
    chosen = Precision.choose(device, runs.precision_of(folder) if resume and precision == "auto" else precision)
    found = _prepare(data, folder, family, recipe, resume)
    learner = registry.load_module(family).FAMILY(recipe, chosen)
    if isinstance(recipe, LabelledRecipe) and isinstance(found, Images):
        found = with_labels(found, data, label_file, recipe.labels, folder)
        learner.take_labels(found.all_labels())
    if generator and not resume:
        learner.take_generator(load_family(generator))
    runs.describe(folder, data=found.describe(), preset=preset, hardware=hardware(), precision=str(chosen))
    started = time.monotonic()
    with Bar("training", unit="steps") as bar:
        train(learner, found, folder, lambda now: _show(bar, now), Schedule(checkpoint_seconds, sheet_steps))
    click.echo(f"trained in {time.monotonic() - started:.0f} s: latentsearch export {folder} -o BUNDLE", err=True)


def _fit(
    data: Path, folder: Path, preset: str, resume: bool, changes: tuple[str, ...], settings: dict[str, Any]
) -> None:
    """Codes by parts: no steps, so no checkpoints; a run that was stopped has its decoded pictures."""
    # Several threads of BLAS wait for one another by spinning, on a busy machine ten times as long as one takes; and
    # what is fitted would depend on how many there are. Parts are fitted a thread each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from indexer.system.extras import require, require_extra
    from latentsearch.training.datasets import examples
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.engine import registry
    from latentsearch.training.engine import run as runs
    from latentsearch.training.families import parts as fitted

    require("onnxruntime")
    require_extra("cpu", "onnx")
    started = time.monotonic()
    chosen = registry.choose_recipe(FITTED, examples.kind_of(data), preset, settings)
    changed: Any = registry.change_recipe(chosen, changes)
    recipe = fitted.settled(changed, data)
    runs.begin(folder, FITTED, recipe, resume)
    with Bar("decoding") as bar:
        found = examples.load(data, folder, recipe.framing, bar.show, scale=True)
    assert isinstance(found, Images)
    click.echo(f"{found.describe_for_people()}; parts: {', '.join(part.name for part in recipe.chosen)}", err=True)
    runs.describe(folder, data=found.describe(), preset=preset)
    with Bar("fitting") as bar:
        fitted.fit(recipe, found, folder, lambda what, done, total: bar.show(done, total, what))
    click.echo(f"fitted in {time.monotonic() - started:.0f} s: latentsearch export {folder} -o BUNDLE", err=True)


def _as_the_generator(run: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the sizes of a finished run's generator, and no epochs for another."""
    from latentsearch.training.engine import run as runs

    names = ("width", "latent_size", "generator_position", "discriminator_position")
    sizes = {name: runs.read(run)["recipe"].get(name) for name in names}
    return {**settings, **sizes, "generator_epochs": 0}


def _numbers(text: str) -> list[int]:
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError:
        sizes = [0]
    if sizes[0] < 1 or sizes[-1] > limits.LATENT_SIZE:
        raise click.BadParameter(f"{text!r} is not numbers with commas between, each from 1 to {limits.LATENT_SIZE}")
    return sizes


def _chosen_size(
    data: Path, folder: Path, resume: bool, precision: Precision, settings: dict[str, Any], auto: dict[str, Any]
) -> int:
    """The latent size of a run that is resumed; of a new one, the size that the autoencoders speak for."""
    from latentsearch.training.engine import run as runs
    from latentsearch.training.families.latent_size import choose

    if resume:
        return int(runs.read(folder)["recipe"]["latent_size"])
    with Bar("choosing", unit="steps") as bar:
        choice = choose(
            data,
            folder,
            **auto,
            seed=settings["seed"] or 0,
            precision=precision,
            report=lambda size, now: bar.show(now.step, now.steps, f"autoencoder of {size} numbers", "steps"),
        )
    click.echo(choice.reason, err=True)
    return choice.size


def _prepare(data: Path, folder: Path, family: str, recipe: Recipe, resume: bool) -> Images | Points:
    """Look at the data before the run's folder is made, so that bad input leaves nothing behind."""
    from latentsearch.training.datasets import examples
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.loop import require_batch

    require_batch(examples.count(data), recipe.step_size)
    runs.begin(folder, family, recipe, resume)
    with Bar("decoding") as bar:
        found = examples.load(data, folder, recipe.framing, bar.show)
    click.echo(found.describe_for_people(), err=True)
    return found


def _show(bar: Bar, now: Progress) -> None:
    losses = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in now.losses.items())
    bar.show(now.step, now.steps, now.stage, f"steps, {now.images_per_second:.0f} images/s, {losses}")
