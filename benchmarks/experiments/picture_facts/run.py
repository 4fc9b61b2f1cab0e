"""Are the facts read from pictures those that exiftool reads, and how much slower is indexing with them?

Reads every picture of each folder of public Exif samples with the product's decoder and with exiftool. Then draws
photographs of 12 megapixels with Exif data and an XMP document, and indexes them in turn with the same photographs
without metadata. Stores names and values that differ, no pictures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.timing import bar
from benchmarks.datasets.photographs import draw_photographs
from benchmarks.datasets.pictures import progress
from benchmarks.experiments.picture_facts.exiftool import facts_by_exiftool
from indexer.decoding.decode import decode_bytes, read_file
from indexer.decoding.opened import opened
from indexer.encoders.framing import CELEBA
from indexer.errors import UnreadableImage
from indexer.facts.facts import Facts
from indexer.facts.moments import parse_moment, seconds_of
from indexer.facts.read import facts_of

NAME = "picture-facts"
FACTS = ("taken", "camera", "lens", "place")
EQUAL_BAR, SPEED_BAR = 0.98, 0.97
# Degrees: about 10 cm. exiftool and Exif round differently.
NEAR = 1e-6
ROUNDS = 5


def measure(folders: tuple[Path, ...], pictures: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Compare values in the folders, time indexing, and judge both."""
    values = compare([path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()])
    speed = time_indexing(pictures, rounds)
    stated = sum(row["stated"] for row in values["facts"].values())
    equal = sum(row["equal"] for row in values["facts"].values())
    return {
        "folders": [folder.name for folder in folders],
        **values,
        "speed": speed,
        "bars": [
            bar("values equal to exiftool's", equal / max(stated, 1), EQUAL_BAR, at_least=True),
            bar("pictures that broken metadata fail", values["failed_by_metadata"], 0),
            bar("images/s of indexing with facts to without", speed["ratio"], SPEED_BAR, at_least=True),
        ],
    }


def compare(paths: list[Path]) -> dict[str, Any]:
    """Count, for each fact, the pictures where either side states it, and where both state the same."""
    read: dict[Path, Facts] = {}
    failed = 0
    for path in progress(paths, len(paths), "reading"):
        facts, is_failed = _ours(path)
        failed += is_failed
        if facts is not None:
            read[path] = facts
    stated, equal, differing = Counter[str](), Counter[str](), []
    for path, theirs in zip(read, facts_by_exiftool(list(read)), strict=True):
        for fact in FACTS:
            mine, other = _plain(read[path], fact), _expected(theirs, fact)
            if mine is None and other is None:
                continue
            stated[fact] += 1
            if _is_same(mine, other):
                equal[fact] += 1
            else:
                differing.append({"file": path.name, "fact": fact, "ours": mine, "exiftool": other})
    return {
        "pictures": len(read),
        "failed_by_metadata": failed,
        "facts": {fact: {"stated": stated[fact], "equal": equal[fact]} for fact in FACTS},
        "differing": differing,
    }


def _ours(path: Path) -> tuple[Facts | None, bool]:
    """Return the facts of a picture, None if it cannot be opened, and whether reading facts fails a sound picture."""
    try:
        data = read_file(path)
        with opened(data) as picture:
            picture.format  # noqa: B018 - a picture that opens without facts must open with them
    except UnreadableImage:
        return None, False
    try:
        with opened(data) as picture:
            return facts_of(picture, data), False
    except UnreadableImage:
        return None, True


def _plain(facts: Facts, fact: str) -> Any:
    if fact == "place":
        return None if facts.latitude is None else [facts.latitude, facts.longitude]
    if fact == "taken":
        return None if facts.taken is None else [int(facts.taken // 1), facts.offset]
    return getattr(facts, fact)


def _expected(theirs: dict[str, Any], fact: str) -> Any:
    if fact == "place":
        return None if theirs["latitude"] is None else [theirs["latitude"], theirs["longitude"]]
    if fact != "taken":
        return theirs[fact]
    if theirs["taken"] is None:
        return None
    try:
        written = seconds_of(datetime.strptime(theirs["taken"], "%Y:%m:%d %H:%M:%S"))
    except ValueError:
        return None
    # Only the offset is parsed by our own code: any date will do.
    zone = parse_moment("2000", offset=theirs["offset"])
    return [written, zone and zone.offset]


def _is_same(mine: Any, other: Any) -> bool:
    if isinstance(mine, list) and isinstance(other, list) and isinstance(mine[0], float):
        return all(abs(one - two) < NEAR for one, two in zip(mine, other, strict=True))
    return bool(mine == other)


def time_indexing(pictures: int, rounds: int) -> dict[str, Any]:
    """Index drawn photographs with and without metadata in turn, and decode them with and without reading facts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stated, bare = draw_photographs(folder, pictures)
        rates: dict[str, list[float]] = {"with": [], "without": []}
        for round_ in range(rounds):
            order = ((stated, "with"), (bare, "without"))
            for source, kind in order if round_ % 2 else order[::-1]:
                rates[kind].append(_index(source, folder / f"index-{kind}-{round_}"))
            click.echo(f"round {round_ + 1}: {rates['with'][-1]:.1f} and {rates['without'][-1]:.1f} images/s", err=True)
        decoding = _decoding(sorted(stated.iterdir()), rounds)
    ratios = [one / other for one, other in zip(rates["with"], rates["without"], strict=True)]
    middle = {kind: float(np.median(found)) for kind, found in rates.items()}
    return {"pictures": pictures, "images_per_second": middle, "ratio": float(np.median(ratios)), "decoding": decoding}


def _index(pictures: Path, index: Path) -> float:
    command = [sys.executable, "-m", "latentsearch", "index", str(pictures), "--index", str(index), "--json"]
    command += ["--encoder", "parts"]
    done = subprocess.run(command, check=True, capture_output=True)
    summary = json.loads(done.stdout)
    return float(summary["encoded"] / summary["seconds"]["total"])


def _decoding(paths: list[Path], rounds: int) -> dict[str, float]:
    """Milliseconds to decode a picture with and without reading facts, each the median over pictures and rounds."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    for number, path in enumerate(paths * rounds):
        data = path.read_bytes()
        for with_facts in (True, False) if number % 2 else (False, True):
            begin = time.perf_counter()
            decode_bytes(data, CELEBA, with_facts=with_facts)
            spent[with_facts].append(1e3 * (time.perf_counter() - begin))
    with_ms, without_ms = (float(np.median(spent[kind])) for kind in (True, False))
    return {"with_ms": with_ms, "without_ms": without_ms, "ratio": without_ms / with_ms}


@experiment(NAME, help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pictures", default=200, show_default=True, help="Photographs to draw for the speed of indexing.")
@click.option("--rounds", default=ROUNDS, show_default=True, help="Rounds of indexing.")
@results_option
def command(folders: tuple[Path, ...], pictures: int, rounds: int, results: Path) -> None:
    """Compare, time, print and store."""
    result = measure(folders, pictures, rounds)
    for one in result["bars"]:
        click.echo(f"{one['what']}: {one['measured']:.4g} ({'met' if one['met'] else 'MISSED'})")
    publish(NAME, result, results)
