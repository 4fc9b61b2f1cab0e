"""Does the generated picture change evenly from one face's code to another's? IVE-GAN's Fig. 9, with Figs 6 and 7."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option, runs_option
from benchmarks.core.results import PICTURES
from benchmarks.datasets.celeba import load_faces
from benchmarks.experiments.interpolation.page import path_table
from benchmarks.judges.inverters import Inverter, in_blocks, to_images
from benchmarks.judges.judge import Judge
from benchmarks.judges.noise import measure_noise, save_noise_grids
from indexer.errors import InputError
from latentsearch.training.engine.family import Family
from latentsearch.training.engine.image_grids import save_image_grid
from latentsearch.training.engine.trained import load_family, load_trained

NAME = "interpolation"
PAIRS, STEPS, RESAMPLES = 200, 10, 1_000
SHOWN = 8

Painter = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Walk:
    """Paths from one picture to another, as a judge sees them.

    distances: float32 (pairs, STEPS), from the first picture to the picture after each step; jumps: float32 (pairs,
    STEPS), from each picture to the next.
    """

    distances: NDArray[np.float32]
    jumps: NDArray[np.float32]

    @property
    def monotone(self) -> metrics.Floats:
        """1.0 for every path on which each step leads farther from the start: (pairs,)."""
        return np.asarray((np.diff(self.distances, axis=1, prepend=0) > 0).all(axis=1), np.float64)

    @property
    def largest_jump(self) -> metrics.Floats:
        """The longest step's share of the total length: 1 / STEPS if even, 1 for a single jump: (pairs,)."""
        return np.asarray(self.jumps.max(axis=1) / self.jumps.sum(axis=1), np.float64)


def walk(first: Tensor, last: Tensor, picture: Painter, judge: Judge) -> Walk:
    """Go in STEPS even steps from `first` to `last` (pairs, …), codes or pictures that `picture` turns into images."""
    distances, jumps = [], []
    for start, end in zip(first, last, strict=True):
        features = judge.features(picture(between(start, end)))
        distances.append((features[1:] - features[0]).norm(dim=1))
        jumps.append((features[1:] - features[:-1]).norm(dim=1))
    return Walk(torch.stack(distances).numpy(), torch.stack(jumps).numpy())


def between(start: Tensor, end: Tensor) -> Tensor:
    """Both ends and evenly spaced points between them: (STEPS + 1, …)."""
    t = torch.linspace(0, 1, STEPS + 1).view(-1, *[1] * start.dim())
    return (1 - t) * start + t * end


@dataclass(frozen=True)
class Measured:
    """One encoder and generator, judged: its paths between codes, and cross-fades of the same end pictures.

    misses: (pairs,), the distance of the end pictures from the faces that they should show, relative to the distance of
    two faces.
    """

    inverter: Inverter
    judge: Judge
    codes: Walk
    fades: Walk
    misses: metrics.Floats
    noise: dict[str, Any] | None
    seconds: float


def measure(inverter: Inverter, family: Family, judge: Judge, pixels: NDArray[np.uint8], seed: int) -> Measured:
    """Measure the paths between pairs of pictures, uint8 (2, pairs, h, w, 3); family: of the inverter's run."""
    started = time.perf_counter()
    faces = [to_images(side) for side in pixels]
    codes = [in_blocks(inverter.trained.encoder, side) for side in faces]
    ends = [in_blocks(inverter.generator, side) for side in codes]
    return Measured(
        inverter,
        judge,
        walk(codes[0], codes[1], lambda z: in_blocks(inverter.generator, z), judge),
        walk(ends[0], ends[1], lambda images: images, judge),
        miss(faces, ends, judge),
        measure_noise(family, judge, seed),
        round(time.perf_counter() - started, 2),
    )


def miss(faces: Sequence[Tensor], ends: Sequence[Tensor], judge: Judge) -> metrics.Floats:
    """The distance of generated pictures from the faces at both ends; 1 is the distance between the pairs' faces."""
    first, last = (judge.features(side) for side in faces)
    distances = torch.stack(
        [(judge.features(end) - face).norm(dim=1) for end, face in zip(ends, (first, last), strict=True)]
    )
    return np.asarray(distances.mean(0) / (last - first).norm(dim=1).mean(), np.float64)


def load_inverter(run: Path) -> Inverter:
    """Load a run's encoder and generator. Raises InputError if it has no generator."""
    trained, _ = load_trained(run, terms="")
    if trained.generator is None:
        raise InputError(f"{run} holds a run of {trained.family}, which generates no pictures")
    return Inverter(trained, trained.generator)


def independent(inverter: Inverter, judge: Judge) -> bool:
    """Whether the judge was trained apart from this encoder and generator: with a generator of other weights."""
    theirs = judge.family.generator()
    weights = [] if theirs is None else list(theirs.parameters())
    ours = list(inverter.generator.parameters())
    same = [mine.shape == other.shape and torch.equal(mine, other) for mine, other in zip(ours, weights, strict=False)]
    return len(ours) != len(weights) or not all(same)


def draw_pairs(count: int, pairs: int, seed: int) -> NDArray[np.int64]:
    """Up to `pairs` random pairs out of `count` faces, each face in at most one pair: rows (2, pairs).

    Raises InputError for fewer than two faces.
    """
    if count < 2:
        raise InputError("the validation partition has fewer than two faces: at least two are needed")
    pairs = min(pairs, count // 2)
    return np.random.default_rng([seed, 4]).permutation(count)[: 2 * pairs].reshape(2, pairs)


def summarise(measured: Sequence[Measured], seed: int) -> dict[str, Any]:
    """Shares, curves and jumps of every encoder, with 95 % intervals over the pairs, as plain data."""
    pairs = len(measured[0].codes.distances)
    weights = metrics.bootstrap_weights(pairs, RESAMPLES, seed)
    return {
        "seed": seed,
        "protocol": {"pairs": pairs, "steps": STEPS, "resamples": RESAMPLES},
        "rows": [_row(one, weights) for one in measured],
    }


def _row(one: Measured, weights: metrics.Floats) -> dict[str, Any]:
    trained = one.inverter.trained
    return {
        "key": one.inverter.key,
        "name": one.inverter.name,
        "latent_size": trained.latent_size,
        "judge": one.judge.name,
        "encoder": one.inverter.facts,
        "codes": _statistics(one.codes, weights),
        "fades": _statistics(one.fades, weights),
        "misses": metrics.mean_with_interval(one.misses, weights),
        "noise": one.noise,
        "seconds": one.seconds,
    }


def _statistics(walked: Walk, weights: metrics.Floats) -> dict[str, Any]:
    curves = walked.distances / np.maximum(walked.distances[:, -1:], 1e-12)
    steps = np.diff(walked.distances, axis=1, prepend=0) > 0
    return {
        "monotone": metrics.mean_with_interval(walked.monotone, weights),
        "growing_steps": metrics.mean_with_interval(steps.mean(axis=1), weights),
        "largest_jump": metrics.mean_with_interval(walked.largest_jump, weights),
        "curve": np.round(curves.mean(axis=0), 5).tolist(),
        "curve_spread": np.round(np.percentile(curves, metrics.PERCENTILES, axis=0), 5).tolist(),
    }


def store_raw(measured: Sequence[Measured], rows: NDArray[np.int64], folder: Path) -> Path:
    """Write interpolation.npz: pairs (2, n), and per row NUMBER_codes and NUMBER_fades, float32 (n, STEPS)."""
    arrays: dict[str, NDArray[Any]] = {"pairs": rows}
    for number, one in enumerate(measured):
        arrays[f"{number}_codes"], arrays[f"{number}_fades"] = one.codes.distances, one.fades.distances
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def save_ways(inverter: Inverter, pixels: NDArray[np.uint8], folder: Path) -> None:
    """Write Fig. 9, one row per pair: real faces at both ends, generated pictures between them."""
    first, last = (to_images(side[:SHOWN]) for side in pixels)
    codes = zip(*(in_blocks(inverter.trained.encoder, side) for side in (first, last)), strict=True)
    ways = [in_blocks(inverter.generator, between(*pair)) for pair in codes]
    lines = [torch.cat([a[None], way, b[None]]) for a, way, b in zip(first, ways, last, strict=True)]
    save_image_grid(folder / f"{NAME}-{inverter.key}.png", torch.cat(lines), columns=STEPS + 3)


@experiment(NAME)
@faces_option
@runs_option(required=True)
@click.option(
    "--judge",
    "judges",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A run whose discriminator judges the runs it was not trained with; may be repeated.",
)
@click.option("--pairs", type=click.IntRange(2), default=PAIRS, show_default=True, help="Number of pairs.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads for PyTorch.")
@click.option("--seed", default=0, show_default=True, help="Seed of pairs, noise and resamples.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    default=PICTURES,
    help="Folder for sheets with CelebA's faces. [benchmarks/pictures_out]",
)
@results_option
def command(
    data: Path, runs: tuple[Path, ...], judges: tuple[Path, ...], pairs: int, threads: int | None, seed: int,
    pictures: Path, results: Path,
) -> None:  # fmt: skip
    """Interpolate between the codes of validation faces, and let a judge check that each step leads farther away."""
    if threads:
        torch.set_num_threads(threads)
    faces = load_faces(data, "validation")
    rows = draw_pairs(len(faces), pairs, seed)
    panel = [Judge(run) for run in judges]
    measured = []
    for run in runs:
        inverter, family = load_inverter(run), load_family(run)
        pixels = np.asarray(faces.pixels(inverter.trained.framing))[rows]
        fit = [judge for judge in panel if independent(inverter, judge)]
        if not fit:
            raise InputError(f"every judge was trained with {run} or its generator: name another with --judge")
        measured += [measure(inverter, family, judge, pixels, seed) for judge in fit]
        save_ways(inverter, pixels, pictures)
        save_noise_grids(family, pixels[0], seed, results / f"{NAME}-noise.png", pictures)
        click.echo(f"measured: {inverter.name}", err=True)
    summary = summarise(measured, seed)
    store_raw(measured, rows, results)
    click.echo(path_table(summary))
    publish(NAME, summary, results)
