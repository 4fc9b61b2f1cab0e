"""Do the nearest neighbours by code show the same class? MNIST and CIFAR-10, against pixels, PCA and autoencoders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.merge import earlier_runs
from benchmarks.core.options import keep_option, results_option
from benchmarks.core.results import load
from benchmarks.datasets.image_sets import Sets, Split, load_sets
from benchmarks.experiments.class_neighbours.page import table
from benchmarks.statistics.neighbours_vote import (
    NEIGHBOURS,
    Codes,
    Scores,
    flat,
    neighbours_vote,
    principal_components,
    same_class,
)
from indexer.encoders.encoder import Encoder, load_encoder
from indexer.errors import InputError
from latentsearch.attributes.redraw import scaled
from latentsearch.export.model_card import record_scores

NAME = "class-neighbours"
AT_ONCE = 1_024
# Numbers of neighbours whose classes are counted one by one.
NEAREST = (1, 20)


def codes_of(encoder: Encoder, split: Split) -> Codes:
    """The codes of images resized to the encoder's input: float32 (n, d)."""
    starts = range(0, len(split), AT_ONCE)
    return np.concatenate([encoder.encode(scaled(split.images[at : at + AT_ONCE], encoder.framing)) for at in starts])


def baselines(sets: Sets, sizes: list[int]) -> Iterator[tuple[dict[str, Any], Codes, Codes]]:
    """All pixels, then principal components of the training pixels in each size: (row, gallery, queries)."""
    gallery, queries = flat(sets.train.images), flat(sets.validation.images)
    yield {"key": "pixels", "size": gallery.shape[1], "distance": "euclidean"}, gallery, queries
    for size in sizes:
        yield (
            {"key": f"pca-{size}", "size": size, "distance": "euclidean"},
            *principal_components(gallery, queries, size),
        )


def learned(sets: Sets, encoders: list[Encoder]) -> Iterator[tuple[dict[str, Any], Codes, Codes]]:
    """Each encoder's codes with its distance: (row, gallery, queries)."""
    for encoder in encoders:
        row = {"key": encoder.name, "size": encoder.latent_size, "distance": encoder.distance}
        row |= {
            "sha256": encoder.sha256,
            "family": encoder.model.get("family"),
            "trained": encoder.model.get("trained"),
        }
        yield row, codes_of(encoder, sets.train), codes_of(encoder, sets.validation)


def measure(sets: Sets, encoders: list[Encoder], seed: int) -> list[dict[str, Any]]:
    """The share of test images whose class is the commonest among their neighbours, by code, with its interval."""
    scores = Scores(len(sets.validation), seed)
    classes: NDArray[np.int64] = sets.validation.labels
    rows = []
    sizes = sorted({encoder.latent_size for encoder in encoders})
    for row, gallery, queries in (*baselines(sets, sizes), *learned(sets, encoders)):
        votes = neighbours_vote(gallery, sets.train.labels, queries, row["distance"])
        counted = {
            str(k): scores(same_class(gallery, sets.train.labels, queries, classes, k, row["distance"]))
            for k in NEAREST
        }
        rows.append(row | {"same_class": scores(votes == classes), "same_class_at": counted})
        click.echo(f"{row['key']}: {rows[-1]['same_class']}", err=True)
    return rows


@experiment(NAME)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="mnist.npz, or an .npz file of CIFAR-10.")
@click.option("--bundle", "bundles", multiple=True, required=True, help="An encoder's name or folder; may be repeated.")
@click.option("--seed", default=0, show_default=True, help="Seed of the resamples.")
@click.option("--record", is_flag=True, help="Write the scores into the bundles' model.json and model card.")
@keep_option
@results_option
def command(data: Path, bundles: tuple[str, ...], seed: int, record: bool, keep: bool, results: Path) -> None:
    """Measure the codes used in search. Gallery: the training images. Queries: the test images."""
    sets = load_sets(data)
    if sets.validation.labels.ndim != 1:
        raise InputError(f"{data} has no classes: name MNIST or CIFAR-10")
    encoders = [load_encoder(bundle) for bundle in bundles]
    rows = measure(sets, encoders, seed)
    if record:
        record_all(encoders, rows, sets.name)
    summary = {
        "seed": seed,
        "data": sets.name,
        "gallery": len(sets.train),
        "queries": len(sets.validation),
        "neighbours": NEIGHBOURS,
        "rows": rows,
    }
    name = f"{NAME}-{sets.name}"
    if keep:
        summary = keep_rows(name, summary, results)
    click.echo(table(summary))
    publish(name, summary, results)


def record_all(encoders: list[Encoder], rows: list[dict[str, Any]], data: str) -> None:
    """Write the shares of single neighbours into the encoders' descriptions."""
    measured = {row["key"]: row["same_class_at"] for row in rows}
    for encoder in encoders:
        found = {f"same class of {data}@{k}": score["mean"] for k, score in measured[encoder.name].items()}
        record_scores(encoder.folder, encoder.model["scores"] | found)


def keep_rows(name: str, summary: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A summary with the stored rows of all codes that it did not measure, in their order, before the new ones.

    Raises InputError if nothing is stored or the protocols differ.
    """
    record = load(name, folder)
    stored = record["result"]
    if any(stored[key] != summary[key] for key in ("seed", "data", "gallery", "queries", "neighbours")):
        raise InputError(f"the rows in {folder / f'{name}.json'} have another protocol: measure all without --keep")
    rows = {row["key"]: row for row in (*stored["rows"], *summary["rows"])}
    measured = {row["key"] for row in summary["rows"]}
    kept = earlier_runs(record, [row["key"] for row in stored["rows"]], measured)
    return summary | {"rows": list(rows.values()), "kept": kept}
