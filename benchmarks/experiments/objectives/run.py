"""What does each addition to IVE-GAN's objective do? The paper's own, additions one by one, and no GAN at all.

Trains short runs of `latentsearch train ivegan` on the ring, on digits or on faces. Runs and their measurements stay in
the runs' folder: an interrupted run is resumed, and variants can be trained one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.results import CHECKOUT
from benchmarks.methods.encoders import import_torch
from indexer.errors import InputError
from indexer.system.disk import write_json

NAME = "objectives"
RUNS = CHECKOUT / "runs" / NAME
FAMILY = "ivegan"
POINTS = 10_000  # of the ring, encoded and generated

COMPARES = {"mismatched": "false", "compared": "false"}
NO_MATCHER = {"matching": "0", "prediction": "0"}
NO_RECONSTRUCTION = {"reconstruction": "0"}
AS_IT_IS = "as it is"
# Name -> what it is, the recipe's fields that it changes, and the data on which it differs from the line above it.
VARIANTS: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "the paper's": (
        "eq. 3 alone", COMPARES | NO_MATCHER | NO_RECONSTRUCTION, ("ring", "digits", "pictures"),
    ),
    "D compares": (
        "D also reads distances and products of features, and sees pairs that do not match",
        NO_MATCHER | NO_RECONSTRUCTION, ("ring", "digits"),
    ),
    "matcher": ("a matcher and a predictor beside it", NO_RECONSTRUCTION, ("digits", "pictures")),
    AS_IT_IS: ("and the error of G(0, E(x)): the preset `small`", {}, ("ring", "digits", "pictures")),
    "no GAN": ("the preset without D and D'", {"adversarial": "false"}, ("ring", "digits", "pictures")),
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """The run of one variant and seed, and its folder."""

    variant: str
    seed: int
    folder: Path

    @property
    def scores(self) -> Path:
        """The file of its measurements."""
        return self.folder / "scores.json"


Judge = Callable[[Path], dict[str, Any]]


def trials(folder: Path, content: str, variants: Sequence[str], seeds: int) -> Iterator[Trial]:
    """Yield the trials for data with this content, seed by seed, so that an interrupted study is even."""
    for seed in range(seeds):
        for variant in variants:
            if content in VARIANTS[variant][2]:
                name = variant.replace(" ", "-").replace("'", "")
                yield Trial(variant, seed, folder / f"{content}-{name}-{seed}")


def measure(trial: Trial, data: Path, options: Sequence[str], judge: Judge) -> None:
    """Train the run unless it is complete, and measure it unless it is measured."""
    from benchmarks.core.trained_runs import is_finished, train

    if not is_finished(trial.folder):
        changed = [f"--change={name}={value}" for name, value in VARIANTS[trial.variant][1].items()]
        train(FAMILY, data, trial.folder, ["--preset", "small", "--seed", str(trial.seed), *options, *changed])
    if not trial.scores.exists():
        write_json(trial.scores, judge(trial.folder))
        click.echo(f"{trial.folder.name}: {trial.scores.read_text()}", err=True)


def judge_of(content: str, data: Path, seed: int) -> Judge:
    """Return the function that measures a run on data with this content."""
    return {"ring": _ring_judge, "digits": _digits_judge, "pictures": _faces_judge}[content](data, seed)


def _ring_judge(data: Path, seed: int) -> Judge:
    """Modes that points from E's codes and from the prior cover."""
    import torch

    from benchmarks.statistics.ring_coverage import coverage
    from latentsearch.data import draw_ring, load_manifest
    from latentsearch.training.engine.trained import load_family
    from latentsearch.training.families.ivegan import Ivegan
    from latentsearch.training.families.ivegan_recipe import RING_SCALE

    ring = load_manifest("ring").ring
    assert ring is not None
    points = torch.from_numpy(draw_ring(ring, POINTS, seed + 1)[0])

    def judge(run: Path) -> dict[str, Any]:
        family = load_family(run)
        assert isinstance(family, Ivegan)
        generator = family.published("generator")
        with torch.no_grad():
            codes = {"encoded": family.published("encoder")(family.prepare(points)), "prior": family.codes(POINTS)}
            made = {name: generator(family.noise(POINTS), z) / RING_SCALE for name, z in codes.items()}
        return {name: coverage(found.numpy(), ring) for name, found in made.items()}

    return judge


def _digits_judge(data: Path, seed: int) -> Judge:
    """The share of each digit's test pictures that come back as that digit, and the squared error of a pixel."""
    from benchmarks.judges.digit_classifier import read, train_classifier
    from benchmarks.judges.digit_models import DigitRun
    from latentsearch.data.digits import load_digits

    train, test = load_digits(data, "train"), load_digits(data, "test")
    classifier = train_classifier(train.images, train.labels, seed, epochs=3)
    seen = read(classifier, test.images)

    def judge(run: Path) -> dict[str, Any]:
        model = DigitRun(run, seed)
        codes = model.encode(test.images)
        same = read(classifier, model.generate(codes)) == seen
        error = np.square((model.generate(codes, noise=False).astype(np.float32) - test.images) / 255).mean()
        return {
            "same": [round(float(same[test.labels == digit].mean()), 4) for digit in range(10)],
            "mean": round(float(same.mean()), 4),
            "squared_error": round(float(error), 5),
        }

    return judge


def _faces_judge(data: Path, seed: int) -> Judge:
    """The squared error of a colour value of G(0, E(x)) of validation faces, and the samples' Frechet distance."""
    from benchmarks.datasets.celeba import load_faces
    from benchmarks.judges.inverters import load_inverter, to_images, to_pixels
    from benchmarks.judges.realism import FaceFeatures, frechet_distance

    features, validation, count = FaceFeatures(), load_faces(data, "validation"), 2_000
    real = features.of(load_faces(data, "train").pixels()[:count])

    def judge(run: Path) -> dict[str, Any]:
        inverter = load_inverter(run)
        x = to_images(validation.pixels(inverter.trained.framing))
        samples = features.of(to_pixels(inverter.generate(count, seed)))
        return {
            "squared_error": round(float((inverter.reconstruct(x) - x).square().mean()), 5),
            "frechet": round(frechet_distance(samples, real), 2),
        }

    return judge


def summarise(measured: Sequence[Trial], content: str) -> dict[str, Any]:
    """One row per variant, with its runs' measurements."""
    rows = []
    for variant, (about, fields, _) in VARIANTS.items():
        of_variant = [trial for trial in measured if trial.variant == variant]
        if of_variant:
            runs = [{"seed": trial.seed} | json.loads(trial.scores.read_text()) for trial in of_variant]
            rows.append({"variant": variant, "about": about, "fields": fields, "runs": runs})
    recipe = json.loads((measured[0].folder / "run.json").read_text())["recipe"]
    return {"seed": 0, "content": content, "epochs": recipe["epochs"], "batch": recipe["batch"], "rows": rows}


@experiment(NAME)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="ring, mnist.npz, or faces as CelebA's.")
@click.option("--variant", "variants", multiple=True, type=click.Choice(tuple(VARIANTS)), help="A variant. [all]")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Runs per variant.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs instead of the preset's.")
@click.option("--width", type=click.IntRange(1), help="Width of the networks instead of the preset's.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads for PyTorch.")
@click.option("--runs", type=click.Path(path_type=Path), default=RUNS, help="Folder of the runs. [runs/objectives]")
@results_option
def command(
    data: Path,
    variants: tuple[str, ...],
    seeds: int,
    epochs: int | None,
    width: int | None,
    threads: int,
    runs: Path,
    results: Path,
) -> None:
    """Train IVE-GAN with parts of its objective, and measure what comes back from its codes."""
    import_torch().set_num_threads(threads)
    from latentsearch.training.datasets.examples import content_of

    content = content_of(data)
    if not any(content in where for _, _, where in VARIANTS.values()):
        raise InputError(f"{data} holds {content}: name ring, mnist.npz or a folder of faces")
    given = {"epochs": epochs, "width": width, "threads": threads}
    options = [f"--{name}={value}" for name, value in given.items() if value is not None]
    judge = judge_of(content, data, seed=0)
    for trial in trials(runs, content, variants or tuple(VARIANTS), seeds):
        measure(trial, data, options, judge)
    measured = [trial for trial in trials(runs, content, tuple(VARIANTS), seeds) if trial.scores.exists()]
    publish(f"{NAME}-{content}", summarise(measured, content), results)
