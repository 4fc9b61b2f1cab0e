"""How do fp16 and int8 change an encoder's codes, searches and speed, compared with fp32?"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.exact_search import nearest
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.celeba import Faces, load_faces
from indexer.encoders.encoder import Encoder, load_encoder

NAME = "precision"
PRECISIONS = ("fp32", "fp16", "int8")
K = 20
TIMED_IMAGES = 1_000
ROUNDS = 5


@experiment(NAME)
@faces_option
@click.option("--run", required=True, type=click.Path(path_type=Path), help="A training run.")
@results_option
def command(data: Path, run: Path, results: Path) -> None:
    """Export a run in every precision and compare the codes of validation faces.

    Gallery: the train partition. Queries: the validation partition.
    """
    result = measure(run, load_faces(data, "train"), load_faces(data, "validation"))
    for precision in PRECISIONS:
        click.echo(f"{precision}: {result[precision]}, {result['images_per_second'][precision]} images/s")
    publish(NAME, result, results, has_page=False)


def measure(run: Path, gallery: Faces, queries: Faces) -> dict[str, Any]:
    """The codes and the speed of a training run's encoder in every precision."""
    from latentsearch.export.bundle import export
    from latentsearch.training.engine.trained import load_trained

    trained, images = load_trained(run, terms="")
    with tempfile.TemporaryDirectory() as folder:
        encoders = {}
        for precision in PRECISIONS:
            export(trained, images, Path(folder) / precision, name=precision, precision=precision)
            encoders[precision] = load_encoder(Path(folder) / precision)
        sizes = {"seed": 0, "queries": len(queries), "gallery": len(gallery)}
        return sizes | compare(encoders, gallery, queries) | {"images_per_second": speeds(encoders, queries)}


def compare(encoders: dict[str, Encoder], gallery: Faces, queries: Faces) -> dict[str, dict[str, float]]:
    """Size and agreement by precision, fp32 first; compared with fp32, the cosine of codes and overlap of the top K."""
    rows: dict[str, dict[str, float]] = {}
    for name, encoder in encoders.items():
        codes = encoder.encode(queries.pixels(encoder.framing))
        found = nearest(codes, encoder.encode(gallery.pixels(encoder.framing)), K, encoder.distance)
        if name == "fp32":
            reference, found_by_fp32 = codes, found
        matches = metrics.agreeing(queries.attributes, gallery.attributes, found)
        counts = metrics.agreement_counts(matches, (1, K))
        agreement = metrics.agreement(counts, (1, K), matches.shape[-1]).mean(axis=0)
        cosines = np.einsum("nd,nd->n", codes, reference)
        rows[name] = {
            "megabytes": round(sum(file["bytes"] for file in encoder.model["files"].values()) / 1e6, 1),
            "mean_cosine": round(float(cosines.mean()), 5),
            "least_cosine": round(float(cosines.min()), 5),
            f"overlap@{K}": round(overlap(found, found_by_fp32), 4),
            "agreement@1": round(float(agreement[0]), 4),
            f"agreement@{K}": round(float(agreement[1]), 4),
        }
    return rows


def overlap(found: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    """The share of results in common between two arrays of rows (q, k)."""
    return float(np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(found, expected, strict=True)]))


def speeds(encoders: dict[str, Encoder], queries: Faces) -> dict[str, float]:
    """Images/s of each encoder, the median over rounds in turn."""
    spent: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(ROUNDS):
        for name, encoder in encoders.items():
            pixels = np.array(queries.pixels(encoder.framing)[:TIMED_IMAGES])
            begin = time.perf_counter()
            encoder.encode(pixels)
            spent[name].append(time.perf_counter() - begin)
    return {name: round(len(pixels) / float(np.median(seconds)), 1) for name, seconds in spent.items()}
