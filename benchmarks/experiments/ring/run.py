"""How do IVE-GAN and a plain GAN cover a ring of eight Gaussians during training? IVE-GAN's Figure 2 in numbers."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.statistics.ring_coverage import coverage
from latentsearch.data import draw_ring, load_manifest
from latentsearch.data.manifest import Ring

NAME = "ring"
LOOKS = 5  # Figure 2 shows the start and five later moments
GENERATED = 10_000
KEPT = 2_500  # points kept for the density plots

Floats = NDArray[np.float32]


@experiment(NAME)
@click.option(
    "--preset", type=click.Choice(("paper", "small")), default="small", show_default=True, help="The training preset."
)
@click.option("--seed", default=0, show_default=True, help="First seed.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Number of seeds.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs instead of the preset's; each uses all points once.")
@click.option("--batch", type=click.IntRange(2), help="Batch size instead of the preset's.")
@click.option("--points", "count", type=click.IntRange(2), help="Number of points. [as for a run]")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads for PyTorch.")
@results_option
def command(
    preset: str,
    seed: int,
    seeds: int,
    epochs: int | None,
    batch: int | None,
    count: int | None,
    threads: int,
    results: Path,
) -> None:
    """Train both models with every seed and store the points generated during training."""
    import torch

    from benchmarks.experiments.ring.ring_training import MODELS
    from latentsearch.training.datasets.ring import POINTS, Points
    from latentsearch.training.families.ivegan_recipe import PRESETS

    torch.set_num_threads(threads)
    ring = load_manifest(NAME).ring
    assert ring is not None
    points = Points(count or POINTS)
    given: dict[str, Any] = {name: value for name, value in (("epochs", epochs), ("batch", batch)) if value}
    recipe = replace(PRESETS["ring"][preset], **given)
    arrays: dict[str, Floats] = {"data": draw_ring(ring, KEPT)[0]}
    runs = []
    for model in MODELS:
        for one in range(seed, seed + seeds):
            runs.append(measure(model, replace(recipe, seed=one), points, ring, arrays))
    summary = {
        "seed": seed,
        "ring": asdict(ring),
        "preset": preset,
        "recipe": asdict(recipe),
        "generated": GENERATED,
        "data": coverage(draw_ring(ring, GENERATED, seed + 1)[0], ring),
        "runs": runs,
    }
    results.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(results / f"{NAME}.npz", allow_pickle=False, **arrays)
    publish(NAME, summary, results)


def measure(model: str, recipe: Any, points: Any, ring: Ring, arrays: dict[str, Floats]) -> dict[str, Any]:
    """Train one model with one seed; store up to KEPT points of every look in `arrays`, as float16."""
    from benchmarks.experiments.ring.ring_training import learn

    steps = recipe.epochs * (len(points) // recipe.batch)
    started = time.perf_counter()

    def report(step: int) -> None:
        click.echo(f"{model}, seed {recipe.seed}: step {step:,} of {steps:,}", err=True)

    looks = learn(model, recipe, points, max(1, steps // LOOKS), GENERATED, report)
    seconds = time.perf_counter() - started
    for look in looks:
        for codes, made in look.points.items():
            arrays[f"{model}_{recipe.seed}_{codes}_{look.step}"] = made[:KEPT].astype(np.float16)
    measured = [
        {"step": look.step} | {codes: coverage(made, ring) for codes, made in look.points.items()} for look in looks
    ]
    click.echo(f"{model}, seed {recipe.seed}: {measured[-1]} in {seconds:.0f} s")
    return {"model": model, "seed": recipe.seed, "seconds": round(seconds, 1), "looks": measured}
