"""Where in D and in G should labels be inserted? IcGAN's Table 3, by Anet's predictions for generated faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.conditional_position.page import table
from benchmarks.judges.attribute_scores import Seen, scores
from benchmarks.methods.encoders import import_torch

if TYPE_CHECKING:
    from benchmarks.judges.attribute_judge import AttributeJudge
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.families.icgan import Icgan, Recipe

NAME = "conditional-position"
# (layer of G, layer of D): every position in one network, with the other network's best position: the input of G and
# the first layer of D (section 5.2).
IN_DISCRIMINATOR = tuple((0, position) for position in range(5))
IN_GENERATOR = tuple((position, 1) for position in range(5))


def recipe_for(
    position: tuple[int, int], judge: AttributeJudge, width: int, epochs: int, batch: int, seed: int
) -> Recipe:
    """The recipe of a short run of the conditional GAN alone, with labels inserted at these layers of G and D."""
    from latentsearch.training.families.icgan import PRESETS, Recipe

    small = PRESETS["pictures"]["small"]
    assert isinstance(small, Recipe)
    return replace(
        small,
        labels=judge.labels,
        width=width,
        batch=batch,
        seed=seed,
        encoder_width=1,
        generator_epochs=epochs,
        attribute_epochs=0,
        inverse_epochs=0,
        generator_position=position[0],
        discriminator_position=position[1],
    )


def trained_generator(run: Path, recipe: Recipe, images: Images) -> Icgan:
    """Train the run's conditional GAN to its end, resuming if it was interrupted.

    images: labelled training images, decoded once for all runs. Raises InputError if the folder holds another run.
    """
    from latentsearch.cli.stderr import Bar
    from latentsearch.training.engine import run as runs
    from latentsearch.training.engine.loop import train
    from latentsearch.training.engine.precision import Precision, hardware
    from latentsearch.training.families.icgan import Icgan

    runs.begin(run, "icgan", recipe, resume=(run / runs.RUN).exists())
    chosen = Precision.choose("cpu", "fp32")
    family = Icgan(recipe, chosen)
    family.take_labels(images.all_labels())
    runs.describe(run, data=images.describe(), preset="small", hardware=hardware(), precision=str(chosen))
    with Bar(run.name, unit="steps") as bar:
        train(family, images, run, lambda now: bar.show(now.step, now.steps))
    return family


def generated_with(family: Icgan, asked: Seen, judge: AttributeJudge, seed: int) -> Seen:
    """Anet's predictions for G(z, y), one picture for each row of requested labels."""
    import torch

    from benchmarks.judges.inverters import in_blocks
    from latentsearch.inversion.optimise import draw

    z = draw(family.prior, len(asked), family.recipe.latent_size, seed)
    codes = torch.cat([z, torch.from_numpy(asked.astype(np.float32))], 1)
    return judge.sees(in_blocks(family.generator().eval(), codes))


def measure(
    judge: AttributeJudge, faces: Faces, folder: Path, pictures: int, seed: int, **sizes: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (key, scores) of real faces, then of each pair of positions as soon as it is trained."""
    from latentsearch.training.engine.checkpoint import load_checkpoint

    asked = judge.asked_of(faces)
    yield "real", scores(judge.sees_in(faces), asked, judge.labels, seed)
    rows = np.random.default_rng([seed, 3]).integers(len(asked), size=pictures)
    for position in dict.fromkeys((*IN_DISCRIMINATOR, *IN_GENERATOR)):
        run = folder / f"g{position[0]}-d{position[1]}"
        family = trained_generator(run, recipe_for(position, judge, seed=seed, **sizes), judge.images)
        scored = scores(generated_with(family, asked[rows], judge, seed), asked[rows], judge.labels, seed)
        checkpoint = load_checkpoint(run)
        assert checkpoint is not None
        yield run.name, scored | {"seconds": round(checkpoint.position["seconds"])}


@experiment(NAME)
@faces_option
@click.option(
    "--judge", "judge_run", required=True, type=click.Path(path_type=Path), help="A run of `train attributes`."
)
@click.option(
    "--runs", required=True, type=click.Path(path_type=Path), help="Folder for the short runs; resumed if interrupted."
)
@click.option(
    "--width", type=click.IntRange(1), default=16, show_default=True, help="Width of G and D; 64 in the paper."
)
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True, help="Epochs per run; 25 in the paper.")
@click.option("--batch", type=click.IntRange(2), default=16, show_default=True, help="Batch size; 64 in the paper.")
@click.option(
    "--pictures", type=click.IntRange(1), default=2_000, show_default=True, help="Pictures generated by each."
)
@click.option("--seed", default=0, show_default=True, help="Seed of runs, codes and resamples.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads for PyTorch.")
@results_option
def command(
    data: Path,
    judge_run: Path,
    runs: Path,
    width: int,
    epochs: int,
    batch: int,
    pictures: int,
    seed: int,
    threads: int | None,
    results: Path,
) -> None:
    """Train a conditional GAN for each position, and measure how well its generated faces show the requested labels.

    An interrupted command resumes. The labels are those of validation faces, which no run has seen.
    """
    torch = import_torch()
    from benchmarks.judges.attribute_judge import AttributeJudge

    if threads:
        torch.set_num_threads(threads)
    judge, faces = AttributeJudge(judge_run), load_faces(data, "validation")
    sizes = {"width": width, "epochs": epochs, "batch": batch}
    rows = {}
    for key, row in measure(judge, faces, runs, pictures, seed, **sizes):
        rows[key] = row
        click.echo(f"{key}: accuracy {row['accuracy']['mean']:.4f}, F1 {row['f1']['mean']:.4f}")
    result = {"seed": seed, **sizes, "images": len(judge.images), "labels": judge.labels, "judge": judge.facts}
    click.echo(table({**result, "rows": rows}))
    publish(NAME, result | {"rows": rows}, results)
