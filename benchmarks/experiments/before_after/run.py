"""How do `index`, cold `query` and `duplicates` compare in speed with an earlier commit, measured in turn?

`index` and a cold `query` are always measured; --copies adds `duplicates`, with that number of planted copies, and
--large with --queries adds searches of an existing index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from itertools import permutations
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.results import CHECKOUT
from benchmarks.core.timing import bar
from benchmarks.datasets.planted_copies import plant
from benchmarks.experiments.before_after.searches import search_seconds
from indexer.errors import InputError
from indexer.files.discover import Found, discover

NAME = "before-after"
# The loss of speed that a change may cause: about the difference between two measurements of the same commit.
TOLERANCE = 0.03
ROUNDS, QUERIES_A_ROUND = 5, 8
SEED = 0
BEFORE, AFTER = "before", "after"


def unpack(commit: str, folder: Path) -> None:
    """Export a commit of this checkout to a new folder and compile it. Raises InputError if there is no such commit."""
    folder.mkdir()
    with tempfile.TemporaryFile() as archive:
        if subprocess.run(
            ["git", "archive", commit], cwd=CHECKOUT, stdout=archive, stderr=subprocess.DEVNULL
        ).returncode:
            raise InputError(f"{commit!r} names no commit of this checkout: see `git log`")
        archive.seek(0)
        subprocess.run(["tar", "x"], cwd=folder, stdin=archive, check=True)
    # Compile in advance, as an installation does: where Python may not write bytecode, each process would compile all
    # modules again.
    subprocess.run([sys.executable, "-m", "compileall", "-q", "indexer", "latentsearch"], cwd=folder, check=True)


def seconds(checkout: Path, words: list[str]) -> float:
    """The wall-clock seconds of one `latentsearch` process that runs a checkout's code."""
    # Python searches the current folder first, so an installed latentsearch is not used.
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "latentsearch", *words], cwd=checkout, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(
    checkouts: dict[str, Path],
    folders: list[Path],
    picture: Path,
    encoder: str,
    scratch: Path,
    rounds: int,
    large: tuple[Path, Path] | None = None,
) -> Any:
    """Run the verbs for several rounds, the two checkouts in alternating order.

    The second folder, if there is one, holds planted copies; they are indexed untimed, for `duplicates`. large: an
    index to search, and a file of queries.
    Returns the seconds of each round, the medians of their ratios and the bars; a warm-up round is not counted.
    """
    measured: list[dict[str, dict[str, float]]] = []
    orders = list(permutations((BEFORE, AFTER)))
    for number in range(rounds + 1):
        spent: dict[str, dict[str, float]] = {"index": {}, "query": {}}
        indexes = {name: scratch / f"{name}-{number}" for name in checkouts}
        order = orders[number % len(orders)]
        for name in order:
            words = ["index", str(folders[0]), "--index", str(indexes[name]), "--encoder", encoder]
            spent["index"][name] = seconds(checkouts[name], words)
        queries: dict[str, list[float]] = {BEFORE: [], AFTER: []}
        for _ in range(QUERIES_A_ROUND):
            for name in order:
                words = ["query", str(picture), "-k", "20", "--paths", "--index", str(indexes[name])]
                queries[name].append(seconds(checkouts[name], words))
        spent["query"] = {name: float(np.median(took)) for name, took in queries.items()}
        if len(folders) > 1:
            spent["duplicates"] = {}
            for name in order:
                seconds(checkouts[name], ["index", str(folders[1]), "--index", str(indexes[name])])
                words = ["duplicates", "--json", "--index", str(indexes[name])]
                spent["duplicates"][name] = seconds(checkouts[name], words)
        if large:
            spent["search"] = {name: search_seconds(checkouts[name], *large) for name in order}
        if number:
            measured.append(spent)
        click.echo(f"round {number}: {spent}", err=True)
    return {"rounds": measured, **_ratios(measured)}


def _ratios(measured: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Speed relative to the earlier commit: the median over the rounds of seconds before / seconds after."""
    ratios = {
        verb: float(np.median([one[verb][BEFORE] / one[verb][AFTER] for one in measured])) for verb in measured[0]
    }
    names = {
        "index": "images per second of `index`",
        "query": "speed of a cold `query`",
        "duplicates": "speed of `duplicates`",
        "search": "speed of a search of the large index",
    }
    bars = [bar(f"{names[verb]}, relative to before", ratios[verb], 1 - TOLERANCE, at_least=True) for verb in ratios]
    return {"ratios": ratios, "bars": bars}


@experiment(NAME, help=__doc__)
@click.argument("commit")
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder of pictures.")
@click.option(
    "--encoder", metavar="NAME", default="contrastive", show_default=True, help="A bundle that both commits have."
)
@click.option("--copies", type=click.IntRange(0), default=0, show_default=True, help="Number of copies to plant.")
@click.option("--large", type=click.Path(path_type=Path, exists=True), help="An index for both to search.")
@click.option("--queries", type=click.Path(path_type=Path, exists=True), help="A .npy file of codes to search it for.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=ROUNDS,
    show_default=True,
    help="Rounds to time, after one warm-up round.",
)
@results_option
def command(
    commit: str,
    data: Path,
    encoder: str,
    copies: int,
    large: Path | None,
    queries: Path | None,
    rounds: int,
    results: Path,
) -> None:
    """Measure, print, and store by commit."""
    files = [file.path for file in discover([data.absolute()]) if isinstance(file, Found)]
    if not files:
        raise InputError(f"no pictures in {data}")
    if (large is None) != (queries is None):
        raise click.UsageError("--large and --queries go together")
    search = (large.absolute(), queries.absolute()) if large and queries else None
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        checkouts = {BEFORE: scratch / BEFORE, AFTER: scratch / AFTER}
        unpack(commit, checkouts[BEFORE])
        unpack("HEAD", checkouts[AFTER])
        folders = [data.absolute()]
        if copies:
            chosen = np.random.default_rng(SEED).choice(len(files), copies, replace=False)
            plant([Path(files[number]) for number in chosen], scratch / "planted", SEED)
            folders.append(scratch / "planted")
        result = measure(checkouts, folders, Path(files[0]), encoder, scratch, rounds, search)
    result |= {"before": commit, "images": len(files), "copies": copies}
    result |= {"encoder": encoder, "load_average": load_before}
    for one in result["bars"]:
        click.echo(f"{one['what']}: {one['measured']:.3f}, bar {one['limit']:.2f}: {'met' if one['met'] else 'MISSED'}")
    publish(f"{NAME}-{commit.replace(os.sep, '-')}", result, results, has_page=False)
