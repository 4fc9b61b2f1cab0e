"""Does an altered picture find its original? AEGAN's Fig. 3 as recall, by alteration and method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.merge import keep_arrays, keep_rows
from benchmarks.core.options import bundles_option, faces_option, keep_option, results_option, runs_option
from benchmarks.datasets.alterations import altered_faces, load_strengths
from benchmarks.datasets.celeba import Faces, load_faces, together
from benchmarks.experiments.altered_search.page import recall_table
from benchmarks.methods.learned import encoder_facts, learned_methods
from benchmarks.methods.methods import Method, baselines
from benchmarks.statistics.altered_recall import BASELINES, KS, QUERIES, Measured, measure_all, summarise
from indexer.errors import InputError

NAME = "altered-search"
# The same experiment on faces that no encoder was trained or fitted on.
UNSEEN = "altered-search-unseen"


def chosen_methods(keys: Sequence[str], runs: Sequence[Path], bundles: Sequence[str], seed: int) -> list[Method]:
    """The baselines (these keys, by default all of BASELINES) and the rows of the training runs and bundles.

    Raises InputError for a key that is not in BASELINES.
    """
    unknown = set(keys) - {*BASELINES, "none"}
    if unknown:
        raise InputError(f"no method {', '.join(sorted(unknown))}: choose from {', '.join(BASELINES)}, none")
    methods = [method for method in baselines(seed) if method.key in BASELINES and (not keys or method.key in keys)]
    return methods + learned_methods(runs, bundles, [method.key for method in methods])


def measure(
    methods: Sequence[Method], gallery: Faces, originals: NDArray[np.int64], altered: dict[str, Faces], seed: int
) -> tuple[list[Measured], dict[str, Any]]:
    """Search by each method; return the raw ranks and a summary as plain data."""
    measured, left_out = measure_all(methods, gallery, originals, altered)
    summary = summarise(measured, gallery, len(originals), seed)
    return measured, summary | {"left_out": left_out, "encoders": encoder_facts(methods)}


def store_raw(
    measured: Sequence[Measured], originals: NDArray[np.int64], folder: Path, keep: bool = False, name: str = NAME
) -> Path:
    """Write the ranks of every query to `name`.npz: `originals` (q,), and KEY_closer and KEY_ties (alterations, q).

    keep: keep the stored arrays of other methods.
    """
    arrays: dict[str, NDArray[Any]] = {"originals": originals}
    for one in measured:
        for field in ("closer", "ties"):
            by_alteration = [getattr(found, field) for found in one.ranks.values()]
            arrays[f"{one.method.key}_{field}"] = np.asarray(by_alteration, np.uint32)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    np.savez_compressed(path, allow_pickle=False, **(keep_arrays(path, arrays) if keep else arrays))
    return path


@experiment(NAME)
@faces_option
@runs_option()
@bundles_option
@click.option("--methods", default="", help="Comma-separated keys of untrained methods, or none. [all]")
@click.option("--seed", default=0, show_default=True, help="Seed of queries, alterations and resamples.")
@click.option("--unseen", is_flag=True, help="Alter validation faces instead, and add them to the gallery.")
@keep_option
@results_option
def command(
    data: Path, runs: tuple[Path, ...], bundles: tuple[str, ...], methods: str, seed: int, unseen: bool, keep: bool,
    results: Path,
) -> None:  # fmt: skip
    """Search for 500 altered faces of the train partition among all of its faces, and write the raw results.

    With --unseen, the altered faces come from the validation partition, which no encoder has seen, and the gallery
    contains both partitions.
    """
    name, gallery = UNSEEN if unseen else NAME, load_faces(data, "train")
    trained_on = len(gallery)
    if unseen:
        gallery = together(gallery, load_faces(data, "validation"))
    candidates = np.arange(trained_on, len(gallery)) if unseen else np.arange(trained_on)
    random = np.random.default_rng([seed, 3])
    originals = np.sort(random.choice(candidates, min(QUERIES, len(candidates)), replace=False))
    chosen = chosen_methods([key for key in methods.split(",") if key], runs, bundles, seed)
    altered = {name: altered_faces(gallery, originals, name, seed) for name in load_strengths()}
    measured, summary = measure(chosen, gallery, originals, altered, seed)
    summary["protocol"]["unseen"] = unseen
    if keep:
        summary = keep_rows(name, summary, results)
    store_raw(measured, originals, results, keep, name)
    click.echo(recall_table(summary, KS[0]))
    publish(name, summary, results)
