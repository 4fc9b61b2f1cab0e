"""How fast is a training step, compared in turn with the same networks in eager fp32?

Uses the precision that `latentsearch train` chooses here, and bf16 as well if it was not chosen.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option

if TYPE_CHECKING:
    from latentsearch.training.engine.family import Family

NAME = "training-speed"
WARM_UP = 2
# Name of a step -> its family and method.
STEPS = {
    "generator_step": ("aegan", "generator_step"),
    "inverse_step": ("aegan", "inverse_step"),
    "contrastive_step": ("contrastive", "step"),
}


@experiment(NAME)
@click.option("--width", default=64, show_default=True, help="Width of the networks, the recipe's field of that name.")
@click.option("--batch", default=64, show_default=True, help="Images per batch.")
@click.option("--pairs", default=10, show_default=True, help="Number of turns, one step of each.")
@click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda", "mps")),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@results_option
def command(width: int, batch: int, pairs: int, device: str, results: Path) -> None:
    """Compare the precision that `latentsearch train` chooses here with fp32 in PyTorch's default memory format."""
    import torch

    from latentsearch.training.engine.precision import Precision
    from latentsearch.training.engine.registry import choose_recipe, load_module

    chosen = Precision.choose(device)
    precisions = {"fp32": Precision.choose(device, "fp32"), "chosen": chosen}
    if chosen.dtype != torch.bfloat16:
        precisions["bf16"] = Precision.choose(device, "bf16")
    result: dict[str, Any] = {"seed": 0, "width": width, "batch": batch, "precision": str(chosen)}
    for name, (family, step) in STEPS.items():
        recipe = choose_recipe(family, "pictures", "small", {"width": width, "batch": batch})
        families = {key: load_module(family).FAMILY(recipe, precision) for key, precision in precisions.items()}
        result[name] = measure(families, step, pairs)
        ratios = ", ".join(f"{key} {ratio:.2f}" for key, ratio in result[name]["ratios"].items())
        click.echo(f"{name.replace('_', ' ')}, times fp32's images/s: {ratios}; chosen: {chosen}")
    publish(NAME, result, results, has_page=False)


def measure(families: dict[str, Family], step: str, pairs: int) -> dict[str, Any]:
    """Median images/s of each, and the median ratio to fp32 over the turns."""
    speeds: dict[str, list[float]] = {name: [] for name in families}
    for number in range(WARM_UP + pairs):
        for name, family in families.items():
            speed = images_per_second(family, step)
            if number >= WARM_UP:
                speeds[name].append(speed)
    by_turn = {
        name: [ours / theirs for ours, theirs in zip(speeds[name], speeds["fp32"], strict=True)]
        for name in families
        if name != "fp32"
    }
    return {
        "images_per_second": {name: round(statistics.median(values), 2) for name, values in speeds.items()},
        "ratios": {name: statistics.median(values) for name, values in by_turn.items()},
        "ratios_by_turn": {name: [round(value, 3) for value in values] for name, values in by_turn.items()},
    }


def images_per_second(family: Family, step: str) -> float:
    """The speed of one step on random images."""
    import torch

    precision = family.precision
    x = torch.rand(family.batch, 3, 64, 64, device=precision.device)
    x = x.contiguous(memory_format=precision.memory_format)
    begin = time.perf_counter()
    losses = getattr(family, step)(x)
    for loss in losses.values():
        loss.item()  # waits for a GPU
    return family.batch / (time.perf_counter() - begin)
