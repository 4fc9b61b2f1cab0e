"""How fast a training step is against the same networks in eager fp32, step by step in turn."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.results_store import RESULTS, store

if TYPE_CHECKING:
    from latentsearch.training.aegan import Aegan

WARM_UP = 2


def main(arguments: list[str]) -> None:
    """Run the command; arguments are those after the benchmark's name."""
    command.main(arguments, prog_name="python -m benchmarks training-speed", standalone_mode=False)


@click.command("training-speed")
@click.option("--width", default=64, show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--pairs", default=10, show_default=True, help="Steps of each, in turn.")
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where to. [benchmarks/results]")
def command(width: int, batch: int, pairs: int, device: str, results: Path) -> None:
    """Compare the precision that `latentsearch train` chooses here with fp32 in PyTorch's default memory format."""
    from latentsearch.training.aegan import Aegan, Recipe
    from latentsearch.training.precision import Precision

    recipe = Recipe(width=width, batch=batch)
    chosen = Precision.choose(device)
    families = {"fp32": Aegan(recipe, Precision.choose(device, "fp32")), "chosen": Aegan(recipe, chosen)}
    result: dict[str, Any] = {"seed": recipe.seed, "width": width, "batch": batch, "precision": str(chosen)}
    for stage in ("generator_step", "inverse_step"):
        result[stage] = compare(families, stage, pairs)
        click.echo(f"{stage.replace('_', ' ')}: {result[stage]['ratio']:.2f} times fp32's images/s ({chosen})")
    if str(chosen).endswith("float32"):
        result["note"] = "this processor does not compute bf16, so both sides train in fp32"
        click.echo(result["note"])
    click.echo(f"stored in {store('training-speed', result, results)}")


def compare(families: dict[str, Aegan], step: str, pairs: int) -> dict[str, Any]:
    """Median images/s of each and the median of the ratios pair by pair."""
    speeds: dict[str, list[float]] = {name: [] for name in families}
    for number in range(WARM_UP + pairs):
        for name, family in families.items():
            speed = images_per_second(family, step)
            if number >= WARM_UP:
                speeds[name].append(speed)
    ratios = [ours / theirs for ours, theirs in zip(speeds["chosen"], speeds["fp32"], strict=True)]
    medians = {f"{name}_images_per_second": round(statistics.median(values), 2) for name, values in speeds.items()}
    return {**medians, "ratio": statistics.median(ratios), "ratios": [round(ratio, 3) for ratio in ratios]}


def images_per_second(family: Aegan, step: str) -> float:
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
