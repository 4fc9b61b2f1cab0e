"""How many planted copies does `latentsearch duplicates` find among 20,000 faces, and how many reports are right?"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.results import RESULTS, earlier_result
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.datasets.planted_copies import Planted, known_copies, load_strengths, plant
from benchmarks.datasets.planted_look_alikes import find_look_alikes
from benchmarks.experiments.duplicates.duplicate_candidates import compare_candidates, search_many
from benchmarks.experiments.duplicates.judged_copies import judge
from indexer.encoders.encoder import load_encoder
from indexer.index.writer import IndexWriter
from indexer.pipeline.run import index_folders
from latentsearch.duplicates.compare.alignment import LEAST_FIELD, LEAST_LIKENESS
from latentsearch.duplicates.find import find_duplicates

NAME = "duplicates"
SEED = 0
PARTS = ("copies", "look-alikes", "scale")


def measure(part: str, faces: Faces, count: int, look_alikes: int, scale: int) -> dict[str, Any]:
    """Run one part on the faces, in the sizes set by the options, and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        if part == "look-alikes":
            return find_look_alikes(faces.paths, look_alikes, Path(folder), SEED)
        planted = _plant(faces, count, Path(folder))
        if part == "copies":
            return find_copies(faces, planted, Path(folder))
        copies = sorted((Path(folder) / "planted").iterdir())
        return search_many(scale, faces.paths, copies, planted, SEED)


@experiment(NAME, help=__doc__)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder in CelebA's format."
)
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Run only this part; may be repeated.")
@click.option(
    "--count", default=5_000, type=click.IntRange(min=1), show_default=True, help="Number of copies to plant."
)
@click.option(
    "--look-alikes",
    default=2_000,
    type=click.IntRange(min=8),
    show_default=True,
    help="Number of look-alikes to plant.",
)
@click.option("--scale", default=1_000_000, show_default=True, help="Number of pictures to search for candidates.")
@click.option("--store/--no-store", "keep", default=True, help="Write benchmarks/results/duplicates.json.")
def command(data: Path, parts: tuple[str, ...], count: int, look_alikes: int, scale: int, keep: bool) -> None:
    """Measure, print and store; parts that are not run keep their stored results."""
    faces = load_faces(data, "train")
    measured = {part: measure(part, faces, count, look_alikes, scale) for part in parts or PARTS}
    for part, result in measured.items():
        click.echo(f"{part}: {result}")
    if keep:
        publish(NAME, earlier_result(NAME, RESULTS) | measured | {"seed": SEED}, RESULTS)


def _plant(faces: Faces, count: int, scratch: Path) -> Planted:
    chosen = np.random.default_rng(SEED).choice(len(faces), count, replace=False)
    return plant([faces.paths[row] for row in chosen], scratch / "planted", SEED)


def find_copies(faces: Faces, planted: Planted, scratch: Path) -> dict[str, Any]:
    """Index the faces and the copies in scratch/planted, search for duplicates, and judge every reported copy."""
    (scratch / "faces").mkdir()
    for path in faces.paths:
        shutil.copyfile(path, scratch / "faces" / path.name)
    encoder = load_encoder()
    with IndexWriter.create(scratch / "index", encoder) as index:
        summary = index_folders(index, encoder, [scratch / "faces", scratch / "planted"])
    start = time.perf_counter()
    found = find_duplicates(str(scratch / "index"))
    seconds = time.perf_counter() - start
    groups = [[Path(copy.image.path).name for copy in group] for group in found.groups]
    people = {path.name: person for path, person in zip(faces.paths, faces.identity.tolist(), strict=True)}
    return judge(groups, planted, people, known_copies()) | {
        "faces": len(faces),
        "people": len(set(people.values())),
        "thresholds": {"likeness": LEAST_LIKENESS, "field": LEAST_FIELD},
        "indexing_s": summary.seconds["total"],
        "seconds": seconds,
        "strengths": load_strengths(),
        "candidates": compare_candidates(scratch / "index", planted),
    }
