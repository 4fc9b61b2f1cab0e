"""How long did training take for all experiments of IcGAN and latent-size, with the presets `small`?

Trains nothing: the stored results state how many seconds their runs took, on one core each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.results import RESULTS, load
from benchmarks.experiments.training_time.page import table

NAME = "training-time"
EXPERIMENTS = (
    "latent-size-mnist",
    "latent-size-cifar10",
    "latent-size-celeba",
    "conditional-position",
    "encoder-designs",
    "attribute-editing",
    "digit-editing",
    "redrawn-search",
)


@experiment(NAME)
@click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to read and write. [this checkout]"
)
def command(results: Path) -> None:
    """Add up the seconds of all runs, counting each run once even if several experiments measure it."""
    result = {"seed": None, "rows": measure(results)}
    click.echo(table(result))
    publish(NAME, result, results)


def measure(results: Path) -> list[dict[str, Any]]:
    """The runs and seconds of each experiment in a folder of results, leaving out runs of earlier experiments."""
    counted: set[str] = set()
    rows = []
    for name in EXPERIMENTS:
        record = load(name, results)
        new = {run: seconds for run, seconds in runs_of(record["result"], name) if run not in counted}
        counted |= new.keys()
        rows.append({"experiment": name, "runs": len(new), "seconds": sum(new.values())})
    return rows


def runs_of(found: Any, path: str) -> Iterator[tuple[str, float]]:
    """Yield every run that a result describes: its identity and its seconds.

    The identity is its commit and commands, so that the same run is recognised anywhere, or else its path in the
    result.
    """
    if isinstance(found, list):
        found = dict(enumerate(found))
    if not isinstance(found, dict):
        return
    if isinstance(found.get("seconds"), int | float):
        commands = found.get("commands")
        yield " ".join([str(found.get("commit")), *commands]) if commands else path, found["seconds"]
    for key, value in found.items():
        yield from runs_of(value, f"{path}/{key}")
