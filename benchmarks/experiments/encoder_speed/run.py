"""How many pictures per second do the shipped encoders encode on all cores, measured in turn in one process?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.timing import bar, in_turn
from indexer.encoders.encoder import DEFAULT_ENCODER, Encoder, load_encoder
from indexer.system.limits import cores

NAME = "encoder-speed"
# The best network, with which the other encoders are compared; and how many times as fast the default must be.
REFERENCE, LEAST = "contrastive", 3.0
OTHERS = ("aegan",)


def encoding(encoder: Encoder, count: int, seed: int) -> Callable[[int], object]:
    """A call that encodes images of noise at the encoder's input size; the content does not affect the time."""
    shape = (count, encoder.framing.height, encoder.framing.width, 3)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return lambda _: encoder.encode(images)


def measure(encoders: dict[str, Encoder], rounds: int, count: int, seed: int = 0) -> dict[str, Any]:
    """Images per second of each encoder, and the median over rounds of its ratio to the reference.

    All encode `count` images in turn, so that both sides of a ratio run under the same machine load.
    """
    seconds = in_turn({name: encoding(encoder, count, seed) for name, encoder in encoders.items()}, rounds)
    rows: list[dict[str, Any]] = [
        {
            "key": name,
            "precision": encoder.model.get("precision"),
            "latent_size": encoder.latent_size,
            "sha256": encoder.sha256,
            "images_per_second": float(count / np.median(seconds[name])),
            "to_reference": float(np.median(seconds[REFERENCE] / seconds[name])),
        }
        for name, encoder in encoders.items()
    ]
    default = next(row for row in rows if row["key"] == DEFAULT_ENCODER)
    what = f"images per second of {DEFAULT_ENCODER}, relative to {REFERENCE}"
    return {
        "seed": seed,
        "cores": cores(),
        "images": count,
        "rounds": rounds,
        "rows": rows,
        "bars": [bar(what, default["to_reference"], LEAST, at_least=True)],
    }


@experiment(NAME)
@click.option("--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="Number of timed rounds.")
@click.option("--images", type=click.IntRange(min=1), default=1_024, show_default=True, help="Images per round.")
@results_option
def command(rounds: int, images: int, results: Path) -> None:
    """Measure, print and store. Run this on idle cores."""
    names = (DEFAULT_ENCODER, REFERENCE, *OTHERS)
    result = measure({name: load_encoder(name) for name in names}, rounds, images)
    for row in result["rows"]:
        click.echo(
            f"{row['key']:12} {row['images_per_second']:8.0f} images/s, {row['to_reference']:.2f} of {REFERENCE}"
        )
    publish(NAME, result, results)
