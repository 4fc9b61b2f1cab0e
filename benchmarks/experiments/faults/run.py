"""What does an index survive? SIGKILL, concurrent processes, damaged pictures and index files, temporary failures."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.results import earlier_result
from benchmarks.experiments.faults.concurrent import concurrent_use
from benchmarks.experiments.faults.damaged_indexes import damaged_indexes
from benchmarks.experiments.faults.damaged_pictures import damaged_pictures
from benchmarks.experiments.faults.fault_collection import Collection
from benchmarks.experiments.faults.future_times import future_times
from benchmarks.experiments.faults.passing_faults import (
    decoder_updated,
    extra_installed,
    permission_back,
    workers_killed,
)
from benchmarks.experiments.faults.sigkill import sigkill

NAME = "faults"
SEED = 0


@dataclass(frozen=True)
class Sizes:
    """The numbers of repetitions and files, and the durations."""

    kills: int
    seconds: float
    images: int
    files: int
    rounds: int


Part = Callable[[Collection, Path, Sizes], dict[str, Any]]
PARTS: dict[str, Part] = {
    "kill": lambda collection, scratch, sizes: sigkill(collection, scratch, sizes.kills, SEED),
    "crowd": lambda collection, scratch, sizes: concurrent_use(collection, scratch, sizes.seconds),
    "images": lambda collection, scratch, sizes: damaged_pictures(scratch, sizes.images, SEED),
    "files": lambda collection, scratch, sizes: damaged_indexes(collection, scratch, sizes.files, SEED),
    "worker-killed": lambda collection, scratch, sizes: workers_killed(collection, scratch, sizes.rounds, SEED),
    "permission-back": lambda collection, scratch, sizes: permission_back(collection, scratch),
    "extra-installed": lambda collection, scratch, sizes: extra_installed(collection, scratch),
    "decoder-updated": lambda collection, scratch, sizes: decoder_updated(collection, scratch),
    "future-times": lambda collection, scratch, sizes: future_times(collection, scratch),
}


def measure(parts: Iterable[str], pictures: int, sizes: Sizes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, outcome) of each part, on a collection of `pictures` drawn pictures."""
    folder = Path(tempfile.mkdtemp())
    try:
        collection = Collection.draw(folder / "collection", pictures)
        for part in parts:
            begin = time.perf_counter()
            (folder / part).mkdir()
            measured = PARTS[part](collection, folder / part, sizes)
            yield part, measured | {"took_s": round(time.perf_counter() - begin, 1)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@experiment(NAME, help=__doc__)
@click.option(
    "--part", "parts", type=click.Choice(list(PARTS)), multiple=True, help="Run only this part; may be repeated."
)
@click.option("--kills", default=200, show_default=True, help="How many runs to kill.")
@click.option("--seconds", default=300.0, show_default=True, help="Duration of concurrent use.")
@click.option("--images", default=1_000, show_default=True, help="Number of damaged picture files.")
@click.option("--files", default=200, show_default=True, help="Number of damaged files of indexes and bundles.")
@click.option("--rounds", default=20, show_default=True, help="Number of runs whose workers are killed.")
@click.option("--pictures", default=160, show_default=True, help="Number of pictures in the collection.")
@results_option
def command(parts: tuple[str, ...], pictures: int, results: Path, **sizes: Any) -> None:
    """Measure, print and store; parts that are not run keep their stored results."""
    measured: dict[str, Any] = {}
    for part, found in measure(parts or PARTS, pictures, Sizes(**sizes)):
        measured[part] = found
        click.echo(f"{part}: {found}")
    publish(NAME, earlier_result(NAME, results) | measured | {"seed": SEED}, results)
