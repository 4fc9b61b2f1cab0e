"""Builds and searches a large index, each in its own process, and measures the memory of both."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.child_process import GIB, in_child
from benchmarks.core.timing import bar
from benchmarks.datasets.synthetic_index import ENCODER
from benchmarks.experiments.speed.search_speed import measure_search
from indexer.encoders.encoder import load_encoder
from indexer.index.writer import IndexWriter
from indexer.vectors.code_file import size_of

MEMORY = 6 * GIB
RECALL = 0.9
TIMES_THE_SMALL = 100

Codes = NDArray[np.float32]


def derived(folder: Path, index_type: str, recall: float, note: str = "") -> dict[str, Any]:
    """Build the base of a filled index in its own process; the measurements are stored beside the index.

    An index already built by this function is not rebuilt. note: what else ran on the machine meanwhile.
    """
    stored = folder.with_suffix(".build.json")
    if not stored.is_file():
        seconds, taken = in_child(_derive, folder, index_type, recall)
        built = {"kind": index_type, "note": note, "load_average": os.getloadavg()[0], **taken, "derive_s": seconds}
        stored.write_text(json.dumps(built, indent=1))
    summary: dict[str, Any] = json.loads(stored.read_text())
    return summary


def measure_large(folder: Path, build: dict[str, Any], queries: Path) -> dict[str, Any]:
    """Search a built index in its own process, and return the cost of building and searching.

    queries: a .npy file of codes, float32 (q, d).
    """
    found, taken = in_child(_search, folder, queries)
    small = {path.name: size_of(path) for path in sorted(folder.iterdir())}
    return {
        **found,
        "build": build,
        "search_process": taken,
        "bytes": small,
        "bytes_an_image": sum(small.values()) / found["images"],
    }


def large_bars(large: dict[str, Any], small_median_ms: float) -> list[dict[str, Any]]:
    """The verdicts on a large index. small_median_ms: of a search among 10,000 codes."""
    median = large["times"]["ours"]["median_ms"]
    build, search = large["build"]["peak_bytes"]["total"], large["search_process"]["peak_bytes"]["total"]
    return [
        bar("memory of the build, including mapped files", build / GIB, MEMORY / GIB, "GiB"),
        bar("memory of searching, including mapped files", search / GIB, MEMORY / GIB, "GiB"),
        bar("recall@20", large["recall"], RECALL, at_least=True),
        bar("median, relative to 10,000 codes", median / small_median_ms, TIMES_THE_SMALL),
    ]


def _derive(folder: Path, index_type: str, recall: float) -> float:
    begin = time.perf_counter()
    with IndexWriter.create(folder, load_encoder(ENCODER, network=False)) as index:
        index.rebuild(index_type, recall, anew=True)
    return time.perf_counter() - begin


def _search(folder: Path, queries: Path) -> dict[str, Any]:
    return measure_search(folder, np.load(queries))
