"""How similar are generated pictures and their reconstructions? AEGAN's Table 1 with chance level and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option, runs_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.reconstruction.page import summary_table
from benchmarks.methods.dhash import Bits, dhash_bits, random_pairs, similarity
from benchmarks.methods.encoders import import_torch
from indexer.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.judges.inverters import Inverter

NAME = "reconstruction"
PAPER = {"aegan": 0.8266, "direct": 0.7944, "bigan": 0.6594}
PRETRAINED = ("aegan", "direct")  # compared on one generator in the paper
RESAMPLES = 1_000
SHOWN = 8


@dataclass
class Measured:
    """One inverter's similarities, float64 (n,) in [0, 1].

    generated: of generated images and their reconstructions; pairs: of random pairs of those images; real: of real
    faces and their reconstructions. sheet: a few generated images and reconstructions, (SHOWN, 3, h, w) each.
    """

    key: str
    name: str
    generator: str
    generated: metrics.Floats
    pairs: metrics.Floats
    real: metrics.Floats | None
    sheet: list[Tensor]
    facts: dict[str, object] = field(default_factory=dict)


def measure(inverter: Inverter, generator: str, images: int, faces: Faces, seed: int) -> Measured:
    """Generate images and reconstruct them, and as many real faces."""
    from benchmarks.judges.inverters import to_images, to_pixels

    x = inverter.generate(images, seed)
    x_hat = inverter.reconstruct(x)
    real = to_images(real_pixels(inverter, faces, images))
    bits = dhash_bits(to_pixels(x))
    return Measured(
        key=inverter.key,
        name=inverter.name,
        generator=generator,
        generated=similarity(bits, dhash_bits(to_pixels(x_hat))),
        pairs=random_pairs(bits, seed),
        real=similarity(dhash_bits(to_pixels(real)), dhash_bits(to_pixels(inverter.reconstruct(real)))),
        sheet=[x[:SHOWN], x_hat[:SHOWN]],
        facts=inverter.facts,
    )


def real_pixels(inverter: Inverter, faces: Faces, count: int) -> Any:
    """The first real faces as the inverter's encoder receives them: uint8 (n, h, w, 3)."""
    return faces.pixels(inverter.trained.framing)[:count]


def measure_gradient(inverter: Inverter, images: int, steps: int, seed: int) -> Measured:
    """The same without an encoder: gradient descent on z from a random code (AEGAN eq. 2)."""
    from benchmarks.judges.inverters import in_blocks, to_pixels
    from latentsearch.inversion.optimise import invert

    x = inverter.generate(images, seed)
    trained = inverter.trained
    # Not the images' seed: the search would start at the codes that the images were generated from.
    found = invert(
        inverter.generator, x, latent_size=trained.latent_size, method="gradient", prior=trained.prior, steps=steps,
        seed=seed + 1,
    )  # fmt: skip
    x_hat = in_blocks(inverter.generator, found.codes)
    bits = dhash_bits(to_pixels(x))
    return Measured(
        key="gradient",
        name=f"gradient descent on z, {steps} steps",
        generator=inverter.key,
        generated=similarity(bits, dhash_bits(to_pixels(x_hat))),
        pairs=random_pairs(bits, seed),
        real=None,
        sheet=[x[:SHOWN], x_hat[:SHOWN]],
    )


def load_inverters(runs: Sequence[Path]) -> dict[str, Inverter]:
    """Family -> inverter, in the order of the runs.

    Raises InputError for two runs of a family, or if the direct inverse belongs to another generator than AEGAN's.
    """
    import_torch()
    from benchmarks.judges.inverters import load_inverter

    found: dict[str, Inverter] = {}
    for run in runs:
        inverter = load_inverter(run)
        if inverter.key in found:
            raise InputError(f"{run} is a second run of {inverter.key}: name one run per family")
        found[inverter.key] = inverter
    first, second = PRETRAINED
    if first in found and second in found:
        found[second] = found[second].with_generator_of(found[first])
    return found


def measure_all(
    inverters: dict[str, Inverter], faces: Faces, images: int, descended: int, steps: int, seed: int
) -> Iterator[Measured]:
    """Measure every inverter, and gradient descent on the first pretrained generator."""
    for key, inverter in inverters.items():
        generator = PRETRAINED[0] if key in PRETRAINED and PRETRAINED[0] in inverters else key
        yield measure(inverter, generator, images, faces, seed)
    first = next((inverters[key] for key in PRETRAINED if key in inverters), None)
    if first is not None and descended:
        yield measure_gradient(first, descended, steps, seed)


def summarise(measured: Sequence[Measured], real_pairs: dict[str, metrics.Floats], seed: int) -> dict[str, Any]:
    """Means with 95 % intervals, random pairs and diversity of each generator, and differences, as plain data."""
    return {
        "methods": [_summary(one, real_pairs, seed) for one in measured],
        "real_pairs": {key: metrics.resampled(pairs, RESAMPLES, seed) for key, pairs in real_pairs.items()},
        "differences": [_difference(a, b, seed) for a, b in pairwise(_in_papers_order(measured))],
    }


def _summary(one: Measured, real_pairs: dict[str, metrics.Floats], seed: int) -> dict[str, Any]:
    pairs, real = metrics.resampled(one.pairs, RESAMPLES, seed), real_pairs.get(one.key)
    diversity = None if real is None else round(float((1 - one.pairs.mean()) / (1 - real.mean())), 5)
    above = one.generated.mean() - one.pairs.mean()
    return {
        "key": one.key,
        "name": one.name,
        "generator": one.generator,
        "paper": PAPER.get(one.key),
        "similarity": metrics.resampled(one.generated, RESAMPLES, seed),
        "random_pairs": pairs,
        "above_random_pairs": round(float(above), 5),
        "relative_diversity": diversity,
        "real": None if one.real is None else metrics.resampled(one.real, RESAMPLES, seed),
        "run": one.facts,
    }


def _in_papers_order(measured: Sequence[Measured]) -> list[Measured]:
    return [one for key in PAPER for one in measured if one.key == key]


def _difference(better: Measured, worse: Measured, seed: int) -> dict[str, Any]:
    """The difference in similarity; paired by image if both use the same images."""
    paired = better.generator == worse.generator
    ours = metrics.bootstrap_weights(len(better.generated), RESAMPLES, seed)
    theirs = metrics.bootstrap_weights(len(worse.generated), RESAMPLES, seed if paired else seed + 1)
    return {
        "better": better.key,
        "worse": worse.key,
        "paired": paired,
        "mean": round(float(better.generated.mean() - worse.generated.mean()), 5),
        "interval": metrics.interval(ours @ better.generated - theirs @ worse.generated),
    }


def name_of(inverters: dict[str, Inverter]) -> str:
    """The name of the results: runs that all use `paper` presets are stored separately."""
    presets = {inverter.facts.get("preset") for inverter in inverters.values()}
    return f"{NAME}-paper" if presets == {"paper"} else NAME


def store_raw(measured: Sequence[Measured], path: Path) -> None:
    """Write every image's similarities to an .npz file: KEY_generated, KEY_pairs and KEY_real, each (n,)."""
    arrays = {}
    for one in measured:
        for name in ("generated", "pairs", "real"):
            if (values := getattr(one, name)) is not None:
                arrays[f"{one.key}_{name}"] = np.asarray(values, np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def save_image_grid(measured: Sequence[Measured], path: Path) -> list[str]:
    """Write a row of pictures per generator, with the rows of their reconstructions; return the rows' titles."""
    import torch
    from torchvision.utils import save_image

    rows, titles, shown = [], [], set()
    for one in sorted(measured, key=lambda one: [m.generator for m in measured].index(one.generator)):
        if one.generator not in shown:
            shown.add(one.generator)
            rows.append(one.sheet[0])
            titles.append(f"generated by {one.generator}")
        rows.append(one.sheet[1])
        titles.append(one.name)
    save_image(torch.cat(rows), path, nrow=SHOWN)
    return titles


@experiment(NAME)
@faces_option
@runs_option(required=True)
@click.option(
    "--images", type=click.IntRange(SHOWN), default=1_000, show_default=True, help="Pictures generated by each."
)
@click.option(
    "--descended", type=click.IntRange(0), default=128, show_default=True, help="Images for gradient descent."
)
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Steps of gradient descent.")
@click.option("--seed", default=0, show_default=True, help="Seed of codes, pairs and resamples.")
@results_option
def command(
    data: Path, runs: tuple[Path, ...], images: int, descended: int, steps: int, seed: int, results: Path
) -> None:
    """Measure the dHash similarity of generated pictures and their reconstructions, and write the raw results.

    Real faces of the validation partition set the scale for the diversity of generated ones.
    """
    inverters = load_inverters(runs)
    faces = load_faces(data, "validation")
    measured = list(measure_all(inverters, faces, images, descended, steps, seed))
    bits: dict[str, Bits] = {key: dhash_bits(real_pixels(one, faces, images)) for key, one in inverters.items()}
    result: dict[str, Any] = {
        "seed": seed,
        "images": images,
        "descended": descended,
        "steps": steps,
        "resamples": RESAMPLES,
    }
    result |= summarise(measured, {key: random_pairs(one, seed) for key, one in bits.items()}, seed)
    name = name_of(inverters)
    store_raw(measured, results / f"{name}.npz")
    result["sheet"] = save_image_grid(measured, results / f"{name}-sheet.png")
    click.echo(summary_table(result))
    publish(name, result, results)
