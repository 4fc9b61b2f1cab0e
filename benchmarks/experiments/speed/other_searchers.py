"""Compares other image searches with this one: the same files, the same cores, one after another.

They need their own environment, `--others VENV/bin/python`, in which imagededup and DeepImageSearch can be imported:
`pip install imagededup DeepImageSearch`. For one that cannot be run, the result holds its error message.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.core.child_process import MemoryWatch, in_child
from benchmarks.core.results import CHECKOUT
from benchmarks.core.timing import bar
from benchmarks.experiments.speed.other_searcher_runs import RUNS
from indexer.encoders.encoder import load_encoder
from indexer.errors import InputError
from indexer.files.discover import Found, discover
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.pipeline.run import index_folders

OURS = "latentsearch"
QUERIES = 20
CANNOT = {
    "imagededup PHash": "rank by similarity, add or remove without a new map, filter, keep a search index on disk",
    "imagededup CNN": "search for one picture, add or remove without a new map, filter, keep a search index on disk",
    "DeepImageSearch": "remove, filter by its default store, skip and report a damaged picture, resume a killed run",
    "clip-retrieval": "add, remove, filter",
    OURS: "search by text",
}
# The encoder for any picture is compared with this network, in turn; and how many times as fast it must be.
PHOTOS, CNN, TURNS, LEAST = "photos", "imagededup CNN", 3, 4.0
NETWORKS = ("imagededup CNN", "DeepImageSearch")
NOT_RUN = {
    "clip-retrieval": "its weights must be downloaded, and it requires numpy below 2 and pyarrow below 16",
}


def measure_others(data: Path, python: Path | None, scratch: Path, count: int) -> dict[str, Any]:
    """Images per second, search time and memory of each, on the first `count` pictures of a folder; the bars."""
    pictures = scratch / "pictures"
    pictures.mkdir()
    files = [file.path for file in discover([data]) if isinstance(file, Found)][:count]
    for path in files:
        shutil.copy(path, pictures)
    ours, taken = in_child(run_ours, pictures, scratch / "index")
    in_turn = photos_in_turn(python, pictures, scratch)
    rows = [{"name": OURS, **ours, "peak_bytes": taken["peak_bytes"], "cannot": CANNOT[OURS]}]
    rows += [{"name": name, **_run(python, name, pictures), "cannot": CANNOT[name]} for name in RUNS]
    rows += [{"name": name, "failed": reason, "cannot": CANNOT[name]} for name, reason in NOT_RUN.items()]
    for row in rows:
        if "index_s" in row:
            row["images_per_second"] = row["images"] / row["index_s"]
    fastest = max((row["images_per_second"] for row in rows if row["name"] in NETWORKS and "index_s" in row), default=0)
    bars = []
    if fastest:
        ratio = rows[0]["images_per_second"] / fastest
        bars.append(bar("images/s, relative to the fastest other tool with a network", ratio, 1, at_least=True))
    if in_turn is not None:
        what = f"images/s of the encoder {PHOTOS}, relative to {CNN}, in turn"
        bars.append(bar(what, in_turn["ratio"], LEAST, at_least=True))
    return {"images": len(files), "rows": rows, "bars": bars, PHOTOS: in_turn}


def photos_in_turn(python: Path | None, pictures: Path, scratch: Path) -> dict[str, Any] | None:
    """Images per second of PHOTOS and CNN, measured in turn on the same files; None if CNN cannot be run."""
    ours, theirs = [], []
    for turn in range(TURNS):
        found = _run(python, CNN, pictures)
        if "failed" in found:
            return None
        mine, _ = in_child(run_ours, pictures, scratch / f"{PHOTOS}-{turn}", PHOTOS)
        ours.append(mine["images"] / mine["index_s"])
        theirs.append(found["images"] / found["index_s"])
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return {"images_per_second": ours, CNN: theirs, "ratio": ratio}


def run_ours(pictures: Path, folder: Path, name: str | None = None) -> dict[str, Any]:
    """Index a folder, then search for some of its files: each is read, encoded, and ranked with paths and labels.

    name: of the encoder, None for the default.
    """
    from latentsearch.search.search import encode_files, read_contents

    encoder = load_encoder(name)
    begin = time.perf_counter()
    with IndexWriter.create(folder, encoder) as index:
        index_folders(index, encoder, [pictures])
    index_s = time.perf_counter() - begin
    spent = []
    with Index.open(folder) as index:
        for path in sorted(pictures.iterdir())[:QUERIES]:
            begin = time.perf_counter()
            code = encode_files(read_contents([path]), [path], encoder)
            ids = index.search(code, 20)[1][0].tolist()
            index.images(ids), index.labels(ids)
            spent.append(time.perf_counter() - begin)
        count = index.count()
    return {"images": count, "index_s": index_s, "search_ms": 1e3 * statistics.median(spent)}


def _run(python: Path | None, name: str, pictures: Path) -> dict[str, Any]:
    """The output of another search, and its memory; or the reason why it could not be run."""
    if python is None:
        return {"failed": "no --others was given"}
    command = [str(python), "-m", "benchmarks.experiments.speed.other_searcher_runs", name, str(pictures), str(QUERIES)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = MemoryWatch(process.pid)
    watch.start()
    stdout, stderr = process.communicate()
    peak = watch.stop()
    if process.returncode != 0:
        return {"failed": (stderr.strip().splitlines() or ["it printed no error"])[-1]}
    output: dict[str, Any] = json.loads(stdout.strip().splitlines()[-1])
    return {**output, "peak_bytes": peak}


def check_python(python: Path | None) -> None:
    """Raise InputError if the other Python does not exist."""
    if python is not None and not python.is_file():
        raise InputError(f"{python} does not exist: name a Python that has the other searches, or omit --others")
