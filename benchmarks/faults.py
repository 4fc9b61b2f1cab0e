"""What an index survives: kill -9 at random moments, many processes at once, damaged pictures and index files."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.crowd import crowd
from benchmarks.damaged_files import damaged_indexes, damaged_pictures
from benchmarks.fault_collection import Collection
from benchmarks.killing import killed
from benchmarks.results_store import RESULTS, load, store
from indexer.errors import InputError

SEED = 0
PICTURES = 160
PARTS = ("kill", "crowd", "images", "files")


@click.command("faults", help=__doc__)
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this; may be repeated.")
@click.option("--kills", default=200, show_default=True)
@click.option("--seconds", default=300, show_default=True, help="How long the crowd goes on.")
@click.option("--images", default=1_000, show_default=True, help="Damaged picture files.")
@click.option("--files", default=200, show_default=True, help="Damaged files of indexes and bundles.")
@click.option("--store/--no-store", "keep", default=True, help="Write benchmarks/results/faults.json.")
def command(parts: tuple[str, ...], kills: int, seconds: int, images: int, files: int, keep: bool) -> None:
    """Measure, print and store; parts that are not run keep what is stored of them."""
    measured: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp())
    try:
        collection = Collection.draw(folder / "collection", PICTURES)
        for part in parts or PARTS:
            begin = time.perf_counter()
            scratch = folder / part
            scratch.mkdir()
            if part == "kill":
                measured[part] = killed(collection, scratch, kills, SEED)
            elif part == "crowd":
                measured[part] = crowd(collection, scratch, seconds)
            elif part == "images":
                measured[part] = damaged_pictures(scratch, images, SEED)
            else:
                measured[part] = damaged_indexes(collection, scratch, files, SEED)
            measured[part]["seconds"] = round(time.perf_counter() - begin, 1)
            click.echo(f"{part}: {measured[part]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if keep:
        click.echo(store("faults", _stored() | measured | {"seed": SEED}))


def _stored() -> dict[str, Any]:
    try:
        stored: dict[str, Any] = load("faults", RESULTS)["result"]
    except InputError:
        return {}
    return stored


def main(arguments: list[str]) -> None:
    """Run with command-line options."""
    command.main(arguments, prog_name="python -m benchmarks faults", standalone_mode=False)
