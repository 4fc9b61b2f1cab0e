"""How much does each part of the contrastive recipe contribute? One change at a time, over several seeds.

Trains short runs of `latentsearch train contrastive`, all of the same length. Runs and their measurements stay in the
runs' folder: an interrupted run is resumed, and changes can be trained one by one. The result covers all runs measured
so far. Labels of the gallery and the queries are used only for measuring.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.core.results import CHECKOUT
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.methods.encoders import import_torch
from benchmarks.statistics.label_search import search
from benchmarks.statistics.label_statistics import KS, PERSON_KS, RESAMPLES
from indexer.errors import InputError
from indexer.system.disk import atomic_write

NAME = "ablations"
RUNS = CHECKOUT / "runs" / NAME
FAMILY = "contrastive"
# Name -> description, and the recipe fields that it changes.
AS_IS = "as it is"
CHANGES: dict[str, tuple[str, dict[str, str]]] = {
    AS_IS: ("the recipe of the preset `small`", {}),
    "no picture drawn": ("no reconstruction: the encoder no longer inverts a generator", {"reconstruction": "0"}),
    "pictures count double": ("the reconstruction's error weighs twice as much", {"reconstruction": "100"}),
    "no shift": ("the second view is not moved", {"shift": "0"}),
    "no rotation": ("the second view is not turned", {"rotation": "0"}),
    "no zoom": ("the second view is not zoomed", {"zoom": "0"}),
    "no flip": ("no view is mirrored", {"flip": "false"}),
    "no light": ("brightness and contrast are not changed", {"brightness": "0", "contrast": "0"}),
    "no colour": ("hue is not changed", {"hue": "0", "recoloured": "0"}),
    "any hue always": ("every picture gets a random hue, not one in five", {"recoloured": "1"}),
    "sharper": ("temperature 0.1 instead of 0.2", {"temperature": "0.1"}),
    "softer": ("temperature 0.5 instead of 0.2", {"temperature": "0.5"}),
    "half the batch": (
        "batches of 128 instead of 256, at half the learning rate",
        {"batch": "128", "learning_rate": "0.001"},
    ),
}


@dataclass(frozen=True)
class Trial:
    """The run of one change and seed, and its folder."""

    change: str
    seed: int
    folder: Path

    @property
    def key(self) -> str:
        """The folder's name."""
        return self.folder.name


def trials(folder: Path, changes: Sequence[str], seeds: int) -> Iterator[Trial]:
    """Yield trials seed by seed, so that all changes have the same number of runs if training is interrupted."""
    for seed in range(seeds):
        for change in changes:
            yield Trial(change, seed, folder / f"{change.replace(' ', '-')}-{seed}")


def learn(trial: Trial, data: Path, options: Sequence[str]) -> None:
    """Train the run unless it is complete."""
    from benchmarks.core.trained_runs import is_finished, train

    if not is_finished(trial.folder):
        changed = [f"--change={name}={value}" for name, value in CHANGES[trial.change][1].items()]
        train(FAMILY, data, trial.folder, ["--preset", "small", "--seed", str(trial.seed), *options, *changed])


def measure(trial: Trial, gallery: Faces, queries: Faces) -> None:
    """Measure and store the run's codes as label-similarity does: whitened by cosine, and raw by Euclidean distance."""
    from benchmarks.methods.learned import encoder_facts, of_runs

    if (trial.folder / "scores.npz").exists():
        return
    methods = of_runs([trial.folder])
    arrays: dict[str, NDArray[Any]] = {}
    for form, method in zip(("raw", "whitened"), methods, strict=True):
        measured = search(method, gallery, queries)
        arrays[f"{form}_agreement"] = metrics.agreement(measured.counts, KS, len(queries.attribute_names))
        arrays[f"{form}_person_ranks"] = measured.person_ranks
    [facts] = encoder_facts(methods).values()
    (trial.folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    with atomic_write(trial.folder / "scores.npz") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def summarise(measured: Sequence[Trial], gallery: Faces, queries: Faces) -> dict[str, Any]:
    """By change and form of code: means over the seeds, and differences from the unchanged recipe with the same seed.

    Intervals are of the mean over the seeds, by bootstrap over the queries. Raises InputError if the runs differ in
    length or width.
    """
    runs = {trial.key: json.loads((trial.folder / "facts.json").read_text()) for trial in measured}
    sizes = {(run["recipe"]["epochs"], run["recipe"]["width"]) for run in runs.values()}
    if len(sizes) > 1:
        raise InputError("the runs' folder holds runs of several lengths or widths: name another with --runs")
    [(epochs, width)] = sizes
    weights = metrics.bootstrap_weights(len(queries), RESAMPLES, 0)
    scores = {trial: np.load(trial.folder / "scores.npz", allow_pickle=False) for trial in measured}
    as_is = {trial.seed: loaded for trial, loaded in scores.items() if trial.change == AS_IS}
    rows = []
    for change, (about, fields) in CHANGES.items():
        of_change = [trial for trial in measured if trial.change == change and trial.seed in as_is]
        if of_change:
            row = {"change": change, "about": about, "fields": fields, "seeds": [trial.seed for trial in of_change]}
            pairs = [(scores[trial], as_is[trial.seed]) for trial in of_change]
            rows.append(row | {form: _scores(form, pairs, weights) for form in ("whitened", "raw")})
    counts = {"epochs": epochs, "width": width, "gallery": len(gallery), "queries": len(queries)}
    return {"seed": 0, **counts, "rows": rows, "runs": runs}


def _scores(form: str, pairs: Sequence[tuple[Any, Any]], weights: metrics.Floats) -> dict[str, Any]:
    """Scores over (change, recipe) pairs of stored arrays, each pair with the same seed."""
    found: dict[str, Any] = {}
    for column, k in enumerate(KS):
        ours = np.stack([one[f"{form}_agreement"][:, column] for one, _ in pairs])
        apart = ours - np.stack([other[f"{form}_agreement"][:, column] for _, other in pairs])
        found[f"agreement@{k}"] = metrics.mean_with_interval(ours.mean(0), weights)
        found[f"change@{k}"] = metrics.mean_with_interval(apart.mean(0), weights) | {
            "seeds": np.round(apart.mean(1), 5).tolist()
        }
    for k in PERSON_KS:
        hits = np.stack([metrics.hit_rate(one[f"{form}_person_ranks"], k) for one, _ in pairs])
        found[f"same person@{k}"] = metrics.mean_with_interval(hits.mean(0), weights)
    return found


@experiment(NAME)
@faces_option
@click.option(
    "--change", "changes", multiple=True, type=click.Choice(tuple(CHANGES)), help="A change; may be repeated. [all]"
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Runs per change.")
@click.option("--epochs", default=2, show_default=True, type=click.IntRange(1), help="Epochs of each run.")
@click.option(
    "--width",
    default=32,
    show_default=True,
    type=click.IntRange(1),
    help="Width of the networks, the recipe's field of that name.",
)
@click.option(
    "--precision",
    type=click.Choice(("auto", "fp32", "bf16", "fp16")),
    default="auto",
    show_default=True,
    help="Number format of the training steps.",
)
@click.option("--train/--no-train", "learns", default=True, help="Train missing runs, or only measure existing ones.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads for PyTorch.")
@click.option("--runs", type=click.Path(path_type=Path), default=RUNS, help="Folder of the runs. [runs/ablations]")
@results_option
def command(
    data: Path,
    changes: tuple[str, ...],
    seeds: int,
    epochs: int,
    width: int,
    precision: str,
    learns: bool,
    threads: int,
    runs: Path,
    results: Path,
) -> None:
    """Train with one part of the recipe changed, and compare label agreement with the unchanged recipe.

    Gallery: the train partition, which the runs are trained on. Queries: the validation partition.
    """
    import_torch().set_num_threads(threads)
    from benchmarks.core.trained_runs import is_finished

    gallery, queries = load_faces(data, "train"), load_faces(data, "validation")
    options = {"epochs": str(epochs), "width": str(width), "precision": precision, "threads": str(threads)}
    words = [f"--{name}={value}" for name, value in options.items()]
    for trial in trials(runs, changes or tuple(CHANGES), seeds):
        if learns:
            learn(trial, data, words)
        if is_finished(trial.folder):
            measure(trial, gallery, queries)
            click.echo(f"measured: {trial.key}", err=True)
    measured = [trial for trial in trials(runs, tuple(CHANGES), seeds) if (trial.folder / "scores.npz").exists()]
    if not any(trial.change == AS_IS for trial in measured):
        raise InputError(f"{runs} has no finished run of the recipe {AS_IS}: nothing to compare with")
    publish(NAME, summarise(measured, gallery, queries), results)
