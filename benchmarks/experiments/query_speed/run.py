"""How long does one query take as a whole process, compared with importing the libraries that it needs?"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.timing import process_seconds

NAME = "query-speed"
IMPORTS = "import numpy, onnxruntime, faiss, PIL.Image, sqlalchemy, click"
BAR = 1.6


def measure(query: list[str], pairs: int) -> dict[str, Any]:
    """Time a query and the bare imports in turn, under the same machine load, after one warm-up run of each."""
    imports = [sys.executable, "-c", IMPORTS]
    process_seconds(imports), process_seconds(query)
    timed = [(process_seconds(imports), process_seconds(query)) for _ in range(pairs)]
    ratios = [query_time / import_time for import_time, query_time in timed]
    return {
        "imports_s": statistics.median(import_time for import_time, _ in timed),
        "query_s": statistics.median(query_time for _, query_time in timed),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_greatest": max(ratios),
        "bar": BAR,
        "pairs": [{"imports_s": import_time, "query_s": query_time} for import_time, query_time in timed],
    }


def make_index(folder: Path, count: int, encoder: str | None) -> tuple[Path, Path]:
    """Draw pictures with a bundle's generator and index them; return the index and one more picture."""
    bundle = [encoder] if encoder else []
    run = [sys.executable, "-m", "latentsearch"]
    drawn, query, index = folder / "pictures", folder / "query", folder / "index"
    for seed, (number, target) in enumerate([(count, drawn), (1, query)], start=1):
        sample = ["sample", *bundle, "--count", str(number), "--seed", str(seed), "-o", str(target)]
        subprocess.run([*run, *sample], check=True, stdout=subprocess.DEVNULL)
    chosen = ["--encoder", encoder] if encoder else []
    subprocess.run([*run, "index", str(drawn), "--index", str(index), *chosen], check=True, stdout=subprocess.DEVNULL)
    return index, next(path for path in sorted(query.iterdir()) if path.is_file())


@experiment(NAME, help=__doc__)
@click.option("--index", type=click.Path(path_type=Path, exists=True), help="An existing index. [a new one]")
@click.option("--picture", type=click.Path(path_type=Path, exists=True), help="The picture to query --index with.")
@click.option("--count", default=21_000, show_default=True, help="Pictures to draw for a new index.")
@click.option("--encoder", help="The bundle to draw and encode with. [default: the shipped one]")
@click.option("--pairs", default=20, show_default=True, help="How often to run both.")
@click.option("--store/--no-store", "keep", default=True, help="Write benchmarks/results/query-speed.json.")
def command(index: Path | None, picture: Path | None, count: int, encoder: str | None, pairs: int, keep: bool) -> None:
    """Measure, print and store."""
    if (index is None) != (picture is None):
        raise click.UsageError("--index and --picture go together")
    with tempfile.TemporaryDirectory() as scratch:
        if index is None or picture is None:
            index, picture = make_index(Path(scratch), count, encoder)
        query = [sys.executable, "-m", "latentsearch", "query", str(picture), "-k", "20", "--index", str(index)]
        result = measure(query, pairs) | {"load_average": os.getloadavg()[0]}
    click.echo(f"query {result['query_s']:.3f} s, imports {result['imports_s']:.3f} s, ratio {result['ratio']:.2f}")
    if keep:
        publish(NAME, result, has_page=False)
