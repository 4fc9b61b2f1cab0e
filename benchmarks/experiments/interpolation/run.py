"""From one face's code to another's: does the generated picture change evenly? IVE-GAN's Fig. 9, and 6 and 7 beside."""

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
from benchmarks.core.experiment import experiment, publish, results_option
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
    """Ways from one picture to another, seen by a judge.

    distances: float32 (pairs, STEPS), of the picture after each step from the first one; jumps: float32
    (pairs, STEPS), of each picture from the one before.
    """

    distances: NDArray[np.float32]
    jumps: NDArray[np.float32]

    @property
    def monotone(self) -> metrics.Floats:
        """1.0 for every way on which each step leads farther from the start: (pairs,)."""
        return np.asarray((np.diff(self.distances, axis=1, prepend=0) > 0).all(axis=1), np.float64)

    @property
    def largest_jump(self) -> metrics.Floats:
        """The longest step's share of all steps' length: 1 / STEPS is even, 1 a single jump: (pairs,)."""
        return np.asarray(self.jumps.max(axis=1) / self.jumps.sum(axis=1), np.float64)


def walk(first: Tensor, last: Tensor, picture: Painter, judge: Judge) -> Walk:
    """Go in STEPS even steps from `first` to `last` (pairs, …), codes or pictures, which `picture` makes images of."""
    distances, jumps = [], []
    for start, end in zip(first, last, strict=True):
        features = judge.features(picture(between(start, end)))
        distances.append((features[1:] - features[0]).norm(dim=1))
        jumps.append((features[1:] - features[:-1]).norm(dim=1))
    return Walk(torch.stack(distances).numpy(), torch.stack(jumps).numpy())


def between(start: Tensor, end: Tensor) -> Tensor:
    """Both ends and what lies evenly between them: (STEPS + 1, …)."""
    t = torch.linspace(0, 1, STEPS + 1).view(-1, *[1] * start.dim())
    return (1 - t) * start + t * end


@dataclass(frozen=True)
class Measured:
    """One encoder and generator, judged: its ways through the codes, and the cross-fades of the same end pictures.

    misses: (pairs,), how far the end pictures are from the faces that they shall show; 1 is as far as two faces are.
    """

    inverter: Inverter
    judge: Judge
    codes: Walk
    fades: Walk
    misses: metrics.Floats
    noise: dict[str, Any] | None
    seconds: float


def measure(inverter: Inverter, family: Family, judge: Judge, pixels: NDArray[np.uint8], seed: int) -> Measured:
    """Walk between the pairs of pictures, uint8 (2, pairs, h, w, 3); family: the inverter's run's."""
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
    """How far generated pictures are from the faces of both sides; 1 is as far as the pairs' faces are."""
    first, last = (judge.features(side) for side in faces)
    distances = torch.stack(
        [(judge.features(end) - face).norm(dim=1) for end, face in zip(ends, (first, last), strict=True)]
    )
    return np.asarray(distances.mean(0) / (last - first).norm(dim=1).mean(), np.float64)


def load_inverter(run: Path) -> Inverter:
    """The encoder and generator of a run. Raises InputError where it has no generator."""
    trained, _ = load_trained(run, terms="")
    if trained.generator is None:
        raise InputError(f"{run} holds a run of {trained.family}, which generates no pictures")
    return Inverter(trained, trained.generator)


def independent(inverter: Inverter, judge: Judge) -> bool:
    """Whether the judge has trained neither this encoder nor its generator: it knows a generator with other weights."""
    theirs = judge.family.generator()
    weights = [] if theirs is None else list(theirs.parameters())
    ours = list(inverter.generator.parameters())
    same = [mine.shape == other.shape and torch.equal(mine, other) for mine, other in zip(ours, weights, strict=False)]
    return len(ours) != len(weights) or not all(same)


def draw_pairs(count: int, pairs: int, seed: int) -> NDArray[np.int64]:
    """The rows of so many pairs of different faces of `count`, none twice where they suffice: (2, pairs)."""
    if count < 2:
        raise InputError("two faces of the validation partition are needed to go from one to another")
    pairs = min(pairs, count // 2)
    return np.random.default_rng([seed, 4]).permutation(count)[: 2 * pairs].reshape(2, pairs)


def summarise(measured: Sequence[Measured], seed: int) -> dict[str, Any]:
    """Shares, curves and jumps of every encoder with 95 % intervals over the pairs, as plain data."""
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
    """Write interpolation.npz: pairs (2, n), and a row NUMBER_codes and NUMBER_fades, distances float32 (n, STEPS)."""
    arrays: dict[str, NDArray[Any]] = {"pairs": rows}
    for number, one in enumerate(measured):
        arrays[f"{number}_codes"], arrays[f"{number}_fades"] = one.codes.distances, one.fades.distances
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def save_ways(inverter: Inverter, pixels: NDArray[np.uint8], folder: Path) -> None:
    """Write Fig. 9: a row a pair, its real faces at both ends, between them what is generated on the way."""
    first, last = (to_images(side[:SHOWN]) for side in pixels)
    codes = zip(*(in_blocks(inverter.trained.encoder, side) for side in (first, last)), strict=True)
    ways = [in_blocks(inverter.generator, between(*pair)) for pair in codes]
    lines = [torch.cat([a[None], way, b[None]]) for a, way, b in zip(first, ways, last, strict=True)]
    save_image_grid(folder / f"{NAME}-{inverter.key}.png", torch.cat(lines), columns=STEPS + 3)


@experiment(NAME)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A folder in CelebA's format.")
@click.option(
    "--run",
    "runs",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A training run; again for more.",
)
@click.option(
    "--judge",
    "judges",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A run whose discriminator judges those that it has not trained; again for more.",
)
@click.option("--pairs", type=click.IntRange(2), default=PAIRS, show_default=True, help="How many.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads of PyTorch.")
@click.option("--seed", default=0, show_default=True, help="Of the pairs, the noise and the resamples.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    default=PICTURES,
    help="Where sheets with CelebA's faces go. [benchmarks/pictures_out]",
)
@results_option
def command(
    data: Path, runs: tuple[Path, ...], judges: tuple[Path, ...], pairs: int, threads: int | None, seed: int,
    pictures: Path, results: Path,
) -> None:  # fmt: skip
    """Go from code to code between validation faces, and see whether a judge finds each step farther from the start."""
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
            raise InputError(f"every judge has trained {run}, or its generator: name another with --judge")
        measured += [measure(inverter, family, judge, pixels, seed) for judge in fit]
        save_ways(inverter, pixels, pictures)
        save_noise_grids(family, pixels[0], seed, results / f"{NAME}-noise.png", pictures)
        click.echo(f"measured: {inverter.name}", err=True)
    summary = summarise(measured, seed)
    store_raw(measured, rows, results)
    click.echo(path_table(summary))
    publish(NAME, summary, results)
