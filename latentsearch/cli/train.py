"""`latentsearch train FAMILY DIR -o RUN`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli.progress import Bar

if TYPE_CHECKING:
    from latentsearch.training.aegan import Recipe
    from latentsearch.training.images import Images
    from latentsearch.training.loop import Progress

FAMILIES = ("aegan",)


@click.command("train")
@click.argument("family", type=click.Choice(FAMILIES))
@click.argument("pictures", type=click.Path(path_type=Path), metavar="DIR")
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--preset", type=click.Choice(("paper", "small")), default="small", show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--width", type=click.IntRange(1), help="Channels of the first convolution; the paper's is 64.")
@click.option("--batch", type=click.IntRange(2), help="Pictures a step.")
@click.option("--generator-epochs", type=click.IntRange(0))
@click.option("--inverse-epochs", type=click.IntRange(0))
@click.option("--average-decay", type=click.FloatRange(0, 1), help="Decay of the generator's moving average.")
@click.option("--seed", type=int)
@click.option("--threads", type=click.IntRange(1), help="Processor threads; the same number gives the same run.")
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(("auto", "fp32", "bf16", "fp16")), default="auto", show_default=True)
@click.option("--checkpoint-seconds", type=click.FloatRange(0), default=120.0, show_default=True)
@click.option("--sheet-steps", type=click.IntRange(1), default=250, show_default=True)
def command(
    family: str,
    pictures: Path,
    folder: Path,
    preset: str,
    resume: bool,
    threads: int | None,
    device: str,
    precision: str,
    checkpoint_seconds: float,
    sheet_steps: int,
    **settings: Any,
) -> None:
    """Learn codes from the pictures below DIR, without labels.

    The run's folder gets checkpoints, `stats.jsonl`, and sheets of samples and reconstructions. A run that was
    stopped at any moment goes on with --resume.
    """
    from indexer.extras import require_training

    require_training()
    import torch

    from latentsearch.training import aegan
    from latentsearch.training import run as runs
    from latentsearch.training.loop import Schedule, train
    from latentsearch.training.precision import Precision, hardware

    if threads:
        torch.set_num_threads(threads)
    recipe = aegan.choose_recipe(preset, settings)
    chosen = Precision.choose(device, precision)
    images = _prepare(pictures, folder, family, recipe, resume)
    runs.describe(folder, data=images.describe(), preset=preset, hardware=hardware(), precision=str(chosen))
    started = time.monotonic()
    with Bar("training", unit="steps") as bar:
        schedule = Schedule(checkpoint_seconds, sheet_steps)
        train(aegan.Aegan(recipe, chosen), images, folder, lambda now: _show(bar, now), schedule)
    click.echo(f"trained in {time.monotonic() - started:.0f} s: latentsearch export {folder} -o BUNDLE", err=True)


def _prepare(pictures: Path, folder: Path, family: str, recipe: Recipe, resume: bool) -> Images:
    """Look at the pictures before the run's folder is made, so that bad input leaves nothing behind."""
    from latentsearch.training import run as runs
    from latentsearch.training.images import find_pictures, load_images
    from latentsearch.training.loop import require_batch

    require_batch(len(find_pictures(pictures)[1]), recipe.batch)
    runs.begin(folder, family, recipe, resume)
    with Bar("decoding") as bar:
        images = load_images(pictures, folder, recipe.framing, bar.show)
    click.echo(images.describe_for_people(), err=True)
    return images


def _show(bar: Bar, now: Progress) -> None:
    losses = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in now.losses.items())
    bar.show(now.step, now.steps, now.stage, f"steps, {now.images_per_second:.0f} images/s, {losses}")
