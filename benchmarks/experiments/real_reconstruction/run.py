"""How far are real faces from their reconstructions? Two errors of every run, compared with an autoencoder's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.real_reconstruction.page import BY_FEATURES, MEASURES, SQUARED, main_table
from benchmarks.methods.efficientnet import SIDE, load_network
from benchmarks.methods.encoders import import_torch
from benchmarks.methods.learned import FACTS, NAMES
from indexer.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from torch import Tensor, nn

    from latentsearch.training.engine.trained import Trained

NAME = "real-reconstruction"
FLOOR = "autoencoder"
RESAMPLES = 1_000
BLOCK = 100
Errors = dict[str, metrics.Floats]


def errors_of(draw: Callable[[Tensor], Tensor], pixels: NDArray[np.uint8], features: nn.Module | None) -> Errors:
    """The distance of pictures from their reconstructions, by measure: (n,) each.

    draw: reconstructs pictures float32 (n, 3, h, w) in [0, 1]. features: maps such pictures to (n, d).
    """
    import torch

    from latentsearch.training.datasets.images import to_float

    found: dict[str, list[NDArray[np.float32]]] = {
        measure: [] for measure in MEASURES if features or measure == SQUARED
    }
    with torch.no_grad():
        for start in range(0, len(pixels), BLOCK):
            x = to_float(pixels[start : start + BLOCK])
            drawn = draw(x)
            found[SQUARED].append((drawn - x).square().flatten(1).mean(1).numpy())
            if features:
                found[BY_FEATURES].append(_apart(features, drawn, x).numpy())
    return {measure: np.concatenate(blocks).astype(np.float64) for measure, blocks in found.items()}


def _apart(features: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """1 - cosine of the features of two batches of pictures: (n,)."""
    from torch.nn import functional as F

    of_first, of_second = (features(F.interpolate(x, (SIDE, SIDE), mode="bilinear")) for x in (first, second))
    return 1 - F.cosine_similarity(of_first, of_second)


def mean_picture(gallery: Faces) -> Callable[[Tensor], Tensor]:
    """Reconstructs every picture as the mean of the gallery."""
    import torch

    mean = torch.from_numpy(gallery.pixels().mean(axis=0, dtype=np.float64) / 255).permute(2, 0, 1).float()
    return lambda x: mean.expand(x.shape)


def reconstruct(trained: Trained) -> Callable[[Tensor], Tensor]:
    """G(E(x))."""
    generator = trained.generator
    assert generator is not None
    return lambda x: generator(trained.generator_codes(x))


def load_features() -> nn.Module | None:
    """EfficientNet-Lite0, a network that no recipe here trains on; None, with a message, if not installed."""
    try:
        network: nn.Module = load_network()
    except MissingExtra as error:
        click.echo(f"left out: {BY_FEATURES} ({error})", err=True)
        return None
    return network


def summarise(errors: dict[str, Errors], facts: dict[str, Any], seed: int) -> dict[str, Any]:
    """Mean errors with 95 % intervals, and as multiples of the autoencoder's on the same pictures."""
    rows = []
    for key, own in errors.items():
        measured = {
            measure: _score(values, errors.get(FLOOR, {}).get(measure), seed) for measure, values in own.items()
        }
        rows.append({"key": key, "name": NAMES.get(key, key), "errors": measured, "run": facts.get(key)})
    faces = len(next(iter(errors.values()))[SQUARED])
    return {"seed": seed, "faces": faces, "resamples": RESAMPLES, "methods": rows}


def _score(own: metrics.Floats, floor: metrics.Floats | None, seed: int) -> dict[str, Any]:
    weights = metrics.bootstrap_weights(len(own), RESAMPLES, seed)
    score: dict[str, Any] = {"mean": round(float(own.mean()), 6)}
    score["interval"] = [round(float(value), 6) for value in np.percentile(weights @ own, metrics.PERCENTILES)]
    if floor is not None:
        score["ratio"] = round(float(own.mean() / floor.mean()), 4)
        score["ratio_interval"] = metrics.interval((weights @ own) / (weights @ floor))
    return score


def load_runs(runs: Sequence[Path]) -> dict[str, Trained]:
    """Family -> its trained networks. Raises InputError for two runs of a family, or a run without a generator."""
    import_torch()
    from latentsearch.training.engine.trained import load_trained

    found: dict[str, Trained] = {}
    for run in runs:
        trained, _ = load_trained(run, terms="")
        if trained.generator is None or trained.family in found:
            raise InputError(f"{run} is a second run of {trained.family}, or has no generator")
        found[trained.family] = trained
    return found


def measure(trained: dict[str, Trained], training: Faces, faces: Faces, seed: int) -> dict[str, Any]:
    """The errors of each run's reconstructions, and of the mean training face, as plain data."""
    features = load_features()
    errors = {"mean": errors_of(mean_picture(training), faces.pixels(), features)}
    for family, one in trained.items():
        errors[family] = errors_of(reconstruct(one), faces.pixels(one.framing), features)
    facts = {key: {fact: one.facts.get(fact) for fact in FACTS} for key, one in trained.items()}
    return summarise(errors, facts, seed)


@experiment(NAME)
@faces_option
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path), help="A training run.")
@click.option("--seed", default=0, show_default=True, help="Seed of the resamples.")
@results_option
def command(data: Path, runs: tuple[Path, ...], seed: int, results: Path) -> None:
    """Reconstruct the validation faces and measure the error; repeat --run for more, including an autoencoder.

    Errors are per colour value, and by the features of EfficientNet-Lite0 if the extras bench and pretrained are
    installed.
    """
    result = measure(load_runs(runs), load_faces(data, "train"), load_faces(data, "validation"), seed)
    click.echo(main_table(result))
    publish(NAME, result, results)
