"""How many planted copies `latentsearch duplicates` finds among 20,000 faces, and how much that it reports is right."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.celeba import load_faces
from benchmarks.metrics import bootstrap_weights, interval
from benchmarks.planted_copies import known_copies, load_strengths, plant
from benchmarks.results_store import store
from indexer.encoder import load_encoder
from indexer.index import Index
from indexer.pipeline import index_folders
from latentsearch.candidates import candidates
from latentsearch.duplicates import find_duplicates

SEED = 0
RESAMPLES = 1_000


def measure(faces: list[Path], count: int, scratch: Path) -> dict[str, Any]:
    """Plant copies beside faces, index both, look for duplicates, and judge every reported copy."""
    gallery = scratch / "faces"
    gallery.mkdir()
    for path in faces:
        shutil.copyfile(path, gallery / path.name)
    chosen = np.random.default_rng(SEED).choice(len(faces), count, replace=False)
    planted = plant([faces[row] for row in chosen], scratch / "planted", SEED)
    encoder = load_encoder()
    with Index.create(scratch / "index", encoder) as index:
        summary = index_folders(index, encoder, [gallery, scratch / "planted"])
    start = time.perf_counter()
    found = find_duplicates(str(scratch / "index"))
    seconds = time.perf_counter() - start
    groups = [[Path(copy.image.path).name for copy in group] for group in found.groups]
    return judge(groups, planted) | {
        "faces": len(faces),
        "indexing_s": summary.seconds["total"],
        "seconds": seconds,
        "strengths": load_strengths(),
    }


def judge(groups: list[list[str]], planted: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Precision over the reported copies, and recall by kind.

    groups: file names, the best first. planted: copy -> (original, kind). A reported copy is right where it and the
    best of its group come from one original, or are a known pair of the data set's own.
    """
    known = known_copies()
    reported = [(group[0], other) for group in groups for other in group[1:]]
    origins = {name: original for name, (original, _) in planted.items()}
    wrong = []
    for pair in reported:
        first, second = (origins.get(name, name) for name in pair)
        if first != second and frozenset((first, second)) not in known:
            wrong.append(sorted((first, second)))
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    hits: dict[str, list[bool]] = {}
    for copy, (original, kind) in planted.items():
        hits.setdefault(kind, []).append(copy in group_of and group_of[copy] == group_of.get(original))
    everything = [hit for some in hits.values() for hit in some]
    return {
        "planted": len(planted),
        "groups": len(groups),
        "reported": len(reported),
        "precision": 1 - len(wrong) / max(len(reported), 1),
        "wrong": wrong,
        "recall": float(np.mean(everything)) if everything else None,
        "recall_interval": _interval(everything),
        "recall_by_kind": {kind: float(np.mean(some)) for kind, some in hits.items()},
    }


def _interval(hits: list[bool]) -> list[float] | None:
    return interval(bootstrap_weights(len(hits), RESAMPLES, SEED) @ np.array(hits, np.float64)) if hits else None


def scale(count: int) -> dict[str, Any]:
    """Seconds and memory for the candidates among so many synthetic fingerprints: smooth random pictures."""
    random = np.random.default_rng(SEED)
    coarse = random.integers(0, 256, (count, 4, 4), np.uint8)
    fingerprints = np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    pairs = candidates(fingerprints)
    return {
        "fingerprints": count,
        "seconds": time.perf_counter() - start,
        "pairs": len(pairs),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "peak_mb_before": before / 1e3,
    }


@click.command("duplicates", help=__doc__)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder in CelebA's format."
)
@click.option("--count", default=5_000, show_default=True, help="How many copies to plant.")
@click.option("--scale", "scaled", default=0, help="Also time the candidates among so many synthetic fingerprints.")
@click.option("--store/--no-store", "keep", default=True, help="Write benchmarks/results/duplicates.json.")
def command(data: Path, count: int, scaled: int, keep: bool) -> None:
    """Measure, print and store."""
    faces = list(load_faces(data, "train").paths)
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(faces, count, Path(scratch)) | {"seed": SEED}
    if scaled:
        result["scale"] = scale(scaled)
    click.echo(f"precision {result['precision']:.4f}, recall {result['recall']}, {result['recall_by_kind']}")
    click.echo(f"wrong: {result['wrong'][:50]}")
    if keep:
        click.echo(store("duplicates", result))


def main(arguments: list[str]) -> None:
    """Run with command-line options."""
    command.main(arguments, prog_name="python -m benchmarks duplicates", standalone_mode=False)
