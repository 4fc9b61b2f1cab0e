"""A small collection of drawn pictures with labels, on which faults are tried, and functions to index and read it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.encoders.generator import load_generator
from indexer.index.writer import IndexWriter

# Small chunks, frequent commits and pauses between them: a run of one second passes through as many stages as a long
# one.
SLOWED = """
import time
import indexer.pipeline.store, indexer.vectors.index_types, indexer.workers.tasks
add = indexer.pipeline.store.Store.add
indexer.pipeline.store.Store.add = lambda store, decoded: (add(store, decoded), time.sleep(0.02))
indexer.workers.tasks.CHUNK_FILES, indexer.pipeline.store.SECONDS_BETWEEN_COMMITS = 8, 0.02
indexer.vectors.index_types.FLAT_ALWAYS_BELOW = 0
from latentsearch.cli import main
main({arguments}, prog_name="latentsearch")
"""


@dataclass(frozen=True)
class Collection:
    """A folder of pictures drawn by the shipped generator, with a label file beside it."""

    folder: Path

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return self.folder / "pictures"

    @property
    def labels(self) -> Path:
        """The label file, a CSV with the columns name, number, half."""
        return self.folder / "labels.csv"

    @classmethod
    def draw(cls, folder: Path, count: int) -> Collection:
        """Draw `count` pictures into a folder."""
        from PIL import Image

        collection = cls(folder)
        collection.pictures.mkdir(parents=True)
        lines = ["name,number,half"]
        for number, pixels in enumerate(load_generator().draw(count)):
            Image.fromarray(pixels).save(collection.pictures / f"{number:05}.png")
            lines.append(f"{number:05}.png,{number},{number % 2}")
        collection.labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return collection

    def index(self, index: Path, *options: str) -> list[str]:
        """The arguments of the command that indexes the collection."""
        words = ["index", str(self.pictures), "--labels", str(self.labels), "--index", str(index), *options]
        return words if "--encoder" in options else [*words, "--encoder", "parts"]


def start(
    arguments: Sequence[str],
    slowed: bool = True,
    environment: Mapping[str, str] | None = None,
    preexec: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """Start `latentsearch` with these arguments as a process; preexec: called in the child before it starts."""
    code = SLOWED.format(arguments=list(arguments))
    command = [sys.executable, "-c", code] if slowed else [sys.executable, "-m", "latentsearch", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        process_group=0,
        preexec_fn=preexec,
    )


def run(arguments: Sequence[str], slowed: bool = False, **circumstances: Any) -> tuple[int, str, str]:
    """Run a command to its end, with the options of `start`: exit code, stdout and stderr."""
    process = start(arguments, slowed, **circumstances)
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def content(index: Path) -> dict[str, Any]:
    """An index's content by path, comparable between two indexes of the same pictures, and the results of a search."""
    with IndexWriter.open(index) as opened:
        records = list(opened.catalog.images.all())
        ids = [record.id for record in records]
        labels, codes = opened.labels(ids), opened.codes(ids)
        images = {
            record.path: (record.digest.hex(), record.width, record.height, labels.get(record.id)) for record in records
        }
        assert len(images) == len(records) == opened.count(), "an image is there twice"
        by_path = np.argsort([record.path for record in records])
        distances, found = opened.search(codes[by_path][:5], 10)
        paths = {record.id: record.path for record in records}
        return {
            "images": images,
            "codes": codes[by_path].round(5).tolist(),
            "found": [[paths[image_id] for image_id in row] for row in found.tolist()],
            "distances": distances.round(5).tolist(),
            "problems": [*opened.check().problems],
        }
