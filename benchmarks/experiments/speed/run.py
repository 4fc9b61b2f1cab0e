"""How fast is the engine with up to 10,000,000 codes? Searches, filters, memory, changes, cold starts, other tools."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment
from benchmarks.core.merge import earlier_runs
from benchmarks.core.results import RESULTS, load, store
from benchmarks.datasets.synthetic_codes import (
    SyntheticCodes,
    fitted_noise,
    line_through,
    ratios,
    real_curve,
    wanted_ratio,
)
from benchmarks.datasets.synthetic_index import ENCODER, fill
from benchmarks.experiments.speed.change_speed import measure_changes
from benchmarks.experiments.speed.cold_query import measure_cold
from benchmarks.experiments.speed.edited_speed import measure_edited
from benchmarks.experiments.speed.filter_speed import measure_filters
from benchmarks.experiments.speed.indexing_memory import measure_indexing
from benchmarks.experiments.speed.large_index import RECALL as LARGE_RECALL
from benchmarks.experiments.speed.large_index import derived, large_bars, measure_large
from benchmarks.experiments.speed.other_searchers import check_python, measure_others
from benchmarks.experiments.speed.search_speed import RECALL, measure_search
from indexer.encoders.encoder import Encoder, load_encoder
from indexer.errors import InputError
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.pipeline.run import index_folders

NAME = "speed"
SEED = 0
# The smallest noise tried by `codes` that suffices up to 1,000,000 codes.
NOISE = 3.0
QUERIES_SEED = 77
PARTS = ("codes", "search", "filters", "edited", "growth", "cold", "changes", "indexing", "others")
COLD = 1_000
CURVE = (10_000, 20_000, 100_000, 1_000_000)

Codes = NDArray[np.float32]
Result = dict[str, Any]


class Bench:
    """Shared by all parts: real codes, the source of synthetic codes, and indexes of synthetic codes.

    keep: a folder in which the indexes stay for reuse, named `cCOUNT`; each is built when it is first needed.
    """

    def __init__(self, data: Path, keep: Path, scratch: Path, queries: int, note: str) -> None:
        self.data, self.keep, self.scratch, self.note = data, keep, scratch, note
        keep.mkdir(parents=True, exist_ok=True)
        self.encoder: Encoder = load_encoder(ENCODER)
        self.real = self._real_codes()
        self.source = SyntheticCodes(self.real, self.encoder.distance, NOISE)
        self.queries = self.source.draw(queries, QUERIES_SEED)
        self.queries_file = keep / "queries.npy"
        np.save(self.queries_file, self.queries)

    def collection(self, count: int, index_type: str = "auto", recall: float = RECALL) -> tuple[Path, Result]:
        """The folder of an index of `count` synthetic codes, and the cost of building its base."""
        folder = self.keep / f"c{count}"
        if not Index.exists(folder):
            with IndexWriter.create(folder, self.encoder) as index:
                begin = time.perf_counter()
                fill(index, self.source, count, SEED)
                click.echo(f"{count:,} codes filled in {time.perf_counter() - begin:.0f} s", err=True)
        return folder, derived(folder, index_type, recall, self.note)

    def _real_codes(self) -> Codes:
        """The codes of real pictures, indexed here; the basis of the synthetic codes."""
        folder = self.keep / "real"
        with IndexWriter.create(folder, self.encoder) as index:
            index_folders(index, self.encoder, [self.data])
            if index.count() <= COLD:
                raise InputError(f"{self.data} has {index.count()} pictures: more than {COLD:,} are needed")
            return np.array(index.vectors.codes[index.vectors.rows_of(index.vectors.ids())])


def codes_part(bench: Bench, counts: list[int]) -> Result:
    """The ratio for subsets of real codes, the line through it, and the ratio of synthetic codes."""
    curve = real_curve(bench.real, SEED)
    line = line_through(curve)
    wanted = {count: wanted_ratio(count, line) for count in counts}
    tried = fitted_noise(bench.real, bench.encoder.distance, wanted, SEED)
    tried.setdefault(NOISE, ratios(bench.source, counts, SEED))
    return {
        "real": curve,
        "line": line,
        "wanted": sorted(wanted.items()),
        "tried": [{"noise": noise, "ratios": sorted(reached.items())} for noise, reached in sorted(tried.items())],
        "noise": NOISE,
        "encoder": bench.encoder.name,
    }


def growth_part(bench: Bench, counts: list[int]) -> Result:
    """Search at every count, each in its own process; the last is the large index."""
    measured = []
    for count in counts:
        recall = LARGE_RECALL if count == counts[-1] else RECALL
        folder, build = bench.collection(count, "ivf-pq" if count >= 200_000 else "auto", recall)
        measured.append(measure_large(folder, build, bench.queries_file))
        click.echo(f"{count:,}: {measured[-1]['times']['ours']['median_ms']:.2f} ms", err=True)
    small = measured[0]["times"]["ours"]["median_ms"]
    return {"sizes": measured, "bars": large_bars(measured[-1], small)}


def measure(work: Callable[[], Result], note: str) -> Result:
    """Run a part; add its duration and the load of the machine."""
    begin, load_before = time.perf_counter(), os.getloadavg()[0]
    measured = work()
    measured |= {"seconds_in_all": round(time.perf_counter() - begin, 1), "note": note}
    return measured | {"load_average": [load_before, os.getloadavg()[0]]}


@experiment(NAME, help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder of pictures.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Run only this part; may be repeated.")
@click.option("--count", default=1_000_000, show_default=True, help="Codes to search among.")
@click.option("--large", default=10_000_000, show_default=True, help="Codes of the largest index.")
@click.option("--queries", default=500, show_default=True, help="Queries to time for each setting.")
@click.option("--pairs", default=11, show_default=True, help="Cold queries on each index.")
@click.option("--pictures", default=3_000, show_default=True, help="Pictures for the other searches.")
@click.option(
    "--others", type=click.Path(path_type=Path), help="A Python with the other searches; see other_searchers.py."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder in which indexes stay. [a temporary folder]")
@click.option("--note", default="", help="What else runs on this machine; stored with the result.")
@click.option("--store/--no-store", "keep_result", default=True, help="Write benchmarks/results/speed.json.")
def command(
    data: Path,
    parts: tuple[str, ...],
    count: int,
    large: int,
    queries: int,
    pairs: int,
    pictures: int,
    others: Path | None,
    keep: Path | None,
    note: str,
    keep_result: bool,
) -> None:
    """Measure, print and store; parts that are not run keep their stored results."""
    check_python(others)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        bench = Bench(data, keep or scratch / "collections", scratch, queries, note)
        sizes = sorted({size for size in (10_000, 100_000, count, large) if size <= large})
        work: dict[str, Callable[[], Result]] = {
            "codes": lambda: codes_part(bench, [*(size for size in CURVE if size < count), count]),
            "search": lambda: measure_search(bench.collection(count)[0], bench.queries),
            "filters": lambda: _together(measure_filters(bench.collection(count)[0], bench.queries)),
            "edited": lambda: measure_edited(bench.collection(count)[0], bench.queries, SEED),
            "growth": lambda: growth_part(bench, sizes),
            "cold": lambda: measure_cold(bench.collection(count)[0], bench.collection(COLD)[0], pairs),
            "changes": lambda: measure_changes(bench.collection(count)[0], bench.source, scratch, SEED + 9),
            "indexing": lambda: measure_indexing(data, scratch),
            "others": lambda: measure_others(data, others, scratch, pictures),
        }
        done: dict[str, Result] = {}
        for part in parts or PARTS:
            done[part] = measure(work[part], note)
            _print(part, done[part])
            if keep_result:
                store(NAME, _with_stored(done))


def _together(filters: list[Result]) -> Result:
    return {"filters": filters, "bars": [one for measured in filters for one in measured["bars"]]}


def _print(part: str, measured: Result) -> None:
    for one in measured.get("bars", []):
        sign = ">=" if one["at_least"] else "<="
        verdict = "met" if one["met"] else "MISSED"
        click.echo(f"{part}: {one['what']}: {one['measured']:.4g} {sign} {one['limit']:.4g} {one['unit']} {verdict}")
    click.echo(f"{part}: {measured['seconds_in_all']} s")


def _with_stored(done: dict[str, Result]) -> Result:
    """The measured parts, with the stored results of the rest and their origin."""
    new: Result = {**done, "seed": SEED}
    try:
        record = load(NAME, RESULTS)
    except InputError:
        return new
    stored: Result = record["result"]
    return stored | new | {"kept": earlier_runs(record, [name for name in PARTS if name in stored], done)}
