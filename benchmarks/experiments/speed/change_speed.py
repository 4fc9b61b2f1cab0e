"""The cost of adding and removing some images, compared with rebuilding the base of the whole index."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.core.timing import bar
from benchmarks.datasets.synthetic_codes import SyntheticCodes
from benchmarks.datasets.synthetic_index import ENCODER, fill
from indexer.encoders.encoder import load_encoder
from indexer.index.index import Index
from indexer.index.status import status_of
from indexer.index.writer import IndexWriter

SHARE = 0.02
CHANGED = 1_000


def measure_changes(folder: Path, source: SyntheticCodes, scratch: Path, seed: int) -> dict[str, Any]:
    """Seconds to open a copy of an index, add or remove CHANGED images or rebuild, and close it; the bars."""
    copy = scratch / "changed"
    shutil.copytree(folder, copy)
    try:
        with Index.open(copy) as index:
            count, index_type = index.count(), status_of(index)["vectors"]["kind"]
            paths = [record.path for record in index.images(range(1, count, max(1, count // CHANGED))[:CHANGED])]
        seconds = {
            "add": _seconds(lambda: _add(copy, source, seed)),
            "remove": _seconds(lambda: _remove(copy, paths)),
            "anew": _seconds(lambda: _anew(copy)),
        }
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    bars = [
        bar(f"{what} {CHANGED:,}, relative to a rebuild of the base", seconds[what] / seconds["anew"], SHARE)
        for what in ("add", "remove")
    ]
    return {"images": count, "kind": index_type, "changed": CHANGED, "seconds": seconds, "bars": bars}


def _add(folder: Path, source: SyntheticCodes, seed: int) -> None:
    with IndexWriter.create(folder, load_encoder(ENCODER, network=False)) as index:
        fill(index, source, CHANGED, seed, "/added")
        index.rebuild()


def _remove(folder: Path, paths: list[str]) -> None:
    with IndexWriter.open(folder) as index:
        assert len(index.remove(paths)) == len(paths)


def _anew(folder: Path) -> None:
    with IndexWriter.create(folder, load_encoder(ENCODER, network=False)) as index:
        index.rebuild(anew=True)


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
