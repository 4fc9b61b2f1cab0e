"""How far are real faces from what their codes draw? The squared error of every run, against an autoencoder's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks import metrics
from benchmarks.celeba import Faces, load_faces
from benchmarks.encoders import import_torch
from benchmarks.learned import FACTS, NAMES
from benchmarks.pages.real_reconstruction import main_table
from benchmarks.results_store import RESULTS, store
from indexer.errors import InputError

if TYPE_CHECKING:
    from latentsearch.training.finished import Trained

NAME = "real-reconstruction"
FLOOR = "autoencoder"
RESAMPLES = 1_000
BLOCK = 100


def squared_errors(trained: Trained, faces: Faces) -> metrics.Floats:
    """The mean squared error of a colour value in [0, 1] between every face and G(E(x)): (n,)."""
    import torch

    from latentsearch.training.images import to_float

    assert trained.generator is not None
    pixels = faces.pixels(trained.framing)
    errors = []
    with torch.no_grad():
        for start in range(0, len(pixels), BLOCK):
            x = to_float(pixels[start : start + BLOCK])
            errors.append((trained.generator(trained.generator_codes(x)) - x).square().flatten(1).mean(1).numpy())
    return np.concatenate(errors).astype(np.float64)


def errors_of_the_mean(gallery: Faces, faces: Faces) -> metrics.Floats:
    """The same errors of one picture for all: the mean of the gallery."""
    mean = np.asarray(gallery.pixels().mean(axis=0, dtype=np.float64)) / 255
    differences: NDArray[np.float64] = faces.pixels() / 255.0 - mean
    return np.asarray(np.square(differences).mean(axis=(1, 2, 3)), np.float64)


def summarise(errors: dict[str, metrics.Floats], facts: dict[str, Any], seed: int) -> dict[str, Any]:
    """Mean errors with 95 % intervals, and as multiples of the first autoencoder's, picture by picture."""
    floor = errors.get(FLOOR)
    rows = []
    for key, own in errors.items():
        weights = metrics.bootstrap_weights(len(own), RESAMPLES, seed)
        row = {"key": key, "name": NAMES.get(key, key), "mean": round(float(own.mean()), 6)}
        row["interval"] = [round(float(value), 6) for value in np.percentile(weights @ own, metrics.PERCENTILES)]
        if floor is not None:
            row["ratio"] = round(float(own.mean() / floor.mean()), 4)
            row["ratio_interval"] = metrics.interval((weights @ own) / (weights @ floor))
        rows.append(row | {"run": facts.get(key)})
    return {"seed": seed, "faces": len(next(iter(errors.values()))), "resamples": RESAMPLES, "methods": rows}


def load_runs(runs: Sequence[Path]) -> dict[str, Trained]:
    """Family -> what its run publishes. Raises InputError for two runs of a family, or for one without a generator."""
    import_torch()
    from latentsearch.training.finished import load_trained

    found: dict[str, Trained] = {}
    for run in runs:
        trained, _ = load_trained(run, terms="")
        if trained.generator is None or trained.family in found:
            raise InputError(f"{run} is a second run of {trained.family}, or has no generator")
        found[trained.family] = trained
    return found


@click.command(NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A folder in CelebA's format.")
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path), help="A training run.")
@click.option("--seed", default=0, show_default=True, help="Of the resamples.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where to. [benchmarks/results]")
def command(data: Path, runs: tuple[Path, ...], seed: int, results: Path) -> None:
    """Encode the validation faces, draw their codes and measure the error; --run again for more, one an autoencoder."""
    trained = load_runs(runs)
    faces = load_faces(data, "validation")
    errors = {"mean": errors_of_the_mean(load_faces(data, "train"), faces)}
    errors |= {family: squared_errors(one, faces) for family, one in trained.items()}
    facts = {key: {fact: one.facts.get(fact) for fact in FACTS} for key, one in trained.items()}
    result = summarise(errors, facts, seed)
    path = store(NAME, result, results)
    click.echo(main_table(result))
    click.echo(f"written: {path}; `python -m benchmarks report` makes the page", err=True)


def main(arguments: list[str]) -> None:
    """Run the command."""
    command(arguments, standalone_mode=False)
