"""How long did all training take that IcGAN's experiments and those of latent-size need, with the presets `small`?

It trains nothing: every stored result says of its runs how many seconds they took, on one core each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks.pages.training_time import table
from benchmarks.results_store import RESULTS, load, store

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


@click.command(NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="From and to where. [this checkout]")
def command(results: Path) -> None:
    """Add up the seconds of all runs, each once, though several experiments measure it."""
    counted: set[tuple[object, ...]] = set()
    rows = []
    for name in EXPERIMENTS:
        record = load(name, results)
        new = {run for run in runs_of(record["result"], name) if run not in counted}
        counted |= new
        rows.append({"experiment": name, "runs": len(new), "seconds": sum(seconds for *_, seconds in new)})
    result = {"seed": None, "rows": rows}
    click.echo(table(result))
    click.echo(f"stored in {store(NAME, result, results)}; `python -m benchmarks report` makes the page")


def runs_of(found: Any, place: str) -> Iterator[tuple[Any, ...]]:
    """Every run that a result describes, ending in its seconds; one of the same commands is the same run anywhere.

    place: where it stands, which tells those apart that are stored without commands.
    """
    if isinstance(found, list):
        found = dict(enumerate(found))
    if not isinstance(found, dict):
        return
    if isinstance(found.get("seconds"), int | float):
        commands = found.get("commands")
        yield (found.get("commit"), *commands, found["seconds"]) if commands else (place, found["seconds"])
    for key, value in found.items():
        yield from runs_of(value, f"{place}/{key}")


def main(arguments: list[str]) -> None:
    """Run the command."""
    command(arguments, standalone_mode=False)
