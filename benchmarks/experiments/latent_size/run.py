"""How does the latent size affect autoencoders and WGAN-GPs? Many sizes, on MNIST, CIFAR-10 or CelebA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.results import CHECKOUT, PICTURES
from benchmarks.methods.encoders import import_torch
from indexer.errors import InputError

if TYPE_CHECKING:
    from benchmarks.experiments.latent_size.study import Study

NAME = "latent-size"
SIZES = (10, 50, 100, 500, 1000)
RUNS = CHECKOUT / "runs" / NAME
# Part -> what it measures, and the paper's figures.
PARTS = {
    "reconstruction": "the error of training and validation images against the latent size (Figs 3, 5, 9a, 12)",
    "quality": "how realistic generated images are as a set (Fig. 4)",
    "shifted": "images moved by a few pixels (Fig. 6)",
    "other": "CIFAR-10 through models of CelebA (Figs 7, 11); needs --other",
    "noise": "images of uniform noise (Fig. 8)",
    "weights": "the generators' weights against the normal distribution (Fig. 1)",
    "surface": "the loss around a code (Fig. 2)",
    "lengths": "lengths of codes found without a ball, at the largest size (Fig. 10)",
    "classifier": "a network trained on reconstructions of digits; only MNIST (Fig. 9b)",
    "labels": "agreement of labels by the autoencoders' codes; only CelebA",
}


@experiment(NAME)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="mnist.npz or a folder of MNIST's files, an .npz file of CIFAR-10, a folder in CelebA's format; with --root "
    "mnist, cifar10 or celeba.",
)
@click.option("--root", type=click.Path(path_type=Path), help="The folder that holds the data.")
@click.option(
    "--other", type=click.Path(path_type=Path), help="With CelebA, an .npz file of CIFAR-10 for the part `other`."
)
@click.option("--train/--no-train", "learn", default=True, help="Train missing runs, or only measure existing ones.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(tuple(PARTS)),
    help="Measure only this part; may be repeated. [all]",
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    type=click.IntRange(2),
    help="A latent size; may be repeated. [10, 50, 100, 500, 1000]",
)
@click.option("--seeds", type=click.IntRange(1), help="Runs per size. [3 on MNIST, 1 elsewhere]")
@click.option(
    "--preset", type=click.Choice(("small", "paper")), default="small", show_default=True, help="The training preset."
)
@click.option("--images", type=click.IntRange(8), default=64, show_default=True, help="Images to reconstruct.")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Steps of projected Adam.")
@click.option(
    "--drawn",
    type=click.IntRange(128),
    default=5_000,
    show_default=True,
    help="Images per distance, and for errors that need no search.",
)
@click.option(
    "--learned",
    type=click.IntRange(64),
    default=1_000,
    show_default=True,
    help="Digits to train on in the part `classifier`.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the first run, the images and the starts.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads for PyTorch.")
@click.option("--runs", type=click.Path(path_type=Path), default=RUNS, help="Folder of the runs. [runs/latent-size]")
@results_option
@click.option("--pictures", type=click.Path(path_type=Path), default=PICTURES, help="Folder for sheets of photographs.")
def command(
    data: Path,
    root: Path | None,
    other: Path | None,
    learn: bool,
    parts: tuple[str, ...],
    sizes: tuple[int, ...],
    seeds: int | None,
    preset: str,
    threads: int,
    runs: Path,
    results: Path,
    pictures: Path,
    **settings: int,
) -> None:
    """Train autoencoders and WGAN-GPs of several latent sizes, and measure their reconstructions and images.

    Runs and measurements stay in the runs' folder: an interrupted command resumes, and parts can be measured one by
    one. The result covers all parts measured so far with these settings.
    """
    import_torch().set_num_threads(threads)
    from benchmarks.datasets.image_sets import load_sets, locate
    from benchmarks.experiments.latent_size.image_grids import save_image_grids
    from benchmarks.experiments.latent_size.study import Settings, Study

    sets = load_sets(locate(data, root))
    count = seeds or (3 if sets.name == "mnist" else 1)
    seed = settings.pop("seed")
    chosen = Settings(sizes=sizes or SIZES, seeds=tuple(range(seed, seed + count)), preset=preset, **settings)
    study = Study(sets, runs / sets.name, chosen, other, lambda text: click.echo(text, err=True))
    if learn:
        study.train()
    study.load()
    if not study.models:
        raise InputError(f"{runs / sets.name} holds no finished run: leave out --no-train, or name another with --runs")
    name = f"{NAME}-{sets.name}"
    result = measure(study, parts or tuple(PARTS), seed)
    result["sheets"] = save_image_grids(study, results if sets.name == "mnist" else pictures, name)
    publish(name, result, results)


def measure(study: Study, parts: Sequence[str], seed: int) -> dict[str, Any]:
    """Measure these parts unless they are stored, and return everything measured so far."""
    for part in parts:
        study.measure(part)
    return {
        "seed": seed,
        "data": study.sets.name,
        "settings": study.settings.to_json(),
        "runs": {model.key: model.facts for model in study.models},
        "parts": study.summary(PARTS),
    }
