"""Do query and results share the attributes that people annotated? AEGAN's Table 2, with chance level and intervals."""

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
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.methods.by_parts import by_parts_methods
from benchmarks.methods.efficientnet import EfficientNet
from benchmarks.methods.encoders import Bundle
from benchmarks.methods.label_classes import ELSEWHERE, WITH_LABELS, WITHOUT_LABELS, of_class
from benchmarks.methods.layers_by_parts import LayerByParts
from benchmarks.methods.learned import encoder_facts, learned_methods
from benchmarks.methods.methods import COMPONENTS, Method, Projected, baselines
from benchmarks.methods.metric_head import ATTRIBUTES, IDENTITIES, MetricHead
from benchmarks.methods.reference import check_against_reference
from benchmarks.statistics.differences import state_differences
from benchmarks.statistics.label_search import run_methods
from benchmarks.statistics.label_statistics import KS, PERSON_KS, Measured, summarise
from benchmarks.statistics.label_tables import main_table, reference_sentence
from indexer.errors import InputError
from latentsearch.export.model_card import FITTED_FAMILY, record_scores

NAME = "label-similarity"
# Both rows are needed to correct for chance.
ALWAYS = ("random", "oracle")


def chosen_methods(
    keys: Sequence[str], runs: Sequence[Path], bundles: Sequence[str], seed: int, by_parts: bool = False
) -> list[Method]:
    """The methods of these keys (by default all baselines) and the rows of the training runs and bundles.

    by_parts: also read the best layer of each bundle's network by parts. Methods of other label classes are included
    only if named. Without bundles, the shipped one is used, if any. Raises InputError for an unknown key.
    """
    methods, others = baselines(seed) + by_parts_methods(), other_classes(seed)
    unknown = set(keys) - {method.key for method in methods + others} - {"none"}
    if unknown:
        known = ", ".join(method.key for method in methods + others)
        raise InputError(f"no method {', '.join(sorted(unknown))}: choose from {known}, none")
    if keys:
        methods = [method for method in methods if method.key in (*ALWAYS, *keys)]
    methods += learned_methods(runs, bundles, [method.key for method in methods])
    methods += [row for method in methods if isinstance(method, Bundle) for row in layers_by_parts(method, by_parts)]
    return methods + [method for method in others if method.key in keys]


def other_classes(seed: int) -> list[Method]:
    """The methods that use labels, of the gallery's faces or of other pictures."""
    efficientnet = EfficientNet()
    name = f"{efficientnet.name}, {COMPONENTS} axes, whitened"
    code = f"{COMPONENTS} numbers"
    return [
        MetricHead(ATTRIBUTES, seed),
        MetricHead(IDENTITIES, seed),
        efficientnet,
        Projected(efficientnet, "efficientnet-whitened", name, code, "cosine", COMPONENTS),
    ]


def layers_by_parts(bundle: Bundle, wished: bool) -> list[Method]:
    """The row of a bundle's best layer read by parts; none for codes without a network."""
    if not wished or bundle.facts["family"] == FITTED_FAMILY:
        return []
    return [LayerByParts(bundle.encoder, f"{bundle.key}-by-parts", f"bundle {bundle.encoder.name}")]


def measure(
    methods: Sequence[Method], gallery: Faces, queries: Faces, seed: int
) -> tuple[list[Measured], dict[str, Any]]:
    """Search by each method; return the raw outcomes and a summary as plain data."""
    measured, left_out = run_methods(methods, gallery, queries)
    summary = summarise(measured, gallery, queries, seed) | {"left_out": left_out, "encoders": encoder_facts(methods)}
    return measured, summary | {"reference": check_against_reference(summary)}


def store_raw(measured: Sequence[Measured], folder: Path, keep: bool = False) -> Path:
    """Write the outcome of every query to label-similarity.npz: KEY_counts and KEY_person_ranks as in Measured.

    keep: keep the stored arrays of other methods.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for one in measured:
        arrays[f"{one.method.key}_counts"] = one.counts
        arrays[f"{one.method.key}_person_ranks"] = one.person_ranks
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    np.savez_compressed(path, allow_pickle=False, **(keep_arrays(path, arrays) if keep else arrays))
    return path


def _counts(path: Path) -> dict[str, NDArray[np.uint16]]:
    """The agreement counts that `store_raw` wrote, by key."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name.removesuffix("_counts"): arrays[name] for name in arrays.files if name.endswith("_counts")}


def record_in_bundles(methods: Sequence[Method], summary: dict[str, Any]) -> None:
    """Write the scores of bundles into their own folders, where `latentsearch encoders` reads them."""
    rows = {row["key"]: row for row in summary["methods"]}
    for method in methods:
        if isinstance(method, Bundle):
            row = rows[method.key]
            scores = {f"agreement@{k}": round(row["agreement"][str(k)]["mean"], 4) for k in KS}
            people = {f"same person@{k}": round(row["same_person"][str(k)]["mean"], 4) for k in PERSON_KS}
            record_scores(method.encoder.folder, scores | people)


@experiment(NAME)
@faces_option
@runs_option()
@bundles_option
@click.option("--methods", default="", help="Comma-separated keys, or none. [all baselines]")
@click.option("--seed", default=0, show_default=True, help="Seed of the random row, resamples and draws.")
@click.option("--record", is_flag=True, help="Also write the scores into the bundles' model.json and card.")
@click.option("--by-parts", is_flag=True, help="Also read each network's best layer by parts (takes minutes).")
@keep_option
@results_option
def command(
    data: Path, runs: tuple[Path, ...], bundles: tuple[str, ...], methods: str, seed: int, record: bool, by_parts: bool,
    keep: bool, results: Path,
) -> None:  # fmt: skip
    """Search the gallery for validation faces, measure agreement@k, and write the raw results.

    Gallery: the train partition. Queries: the validation partition.
    """
    gallery, queries = load_faces(data, "train"), load_faces(data, "validation")
    for faces, needed in ((gallery, max(KS)), (queries, max(PERSON_KS) + 1)):
        if len(faces) < needed:
            raise InputError(f"{data} has {len(faces)} faces of a partition where {needed} are needed")
    chosen = chosen_methods([key for key in methods.split(",") if key], runs, bundles, seed, by_parts)
    measured, summary = measure(chosen, gallery, queries, seed)
    if record:
        record_in_bundles(chosen, summary)
    if keep:
        summary = keep_rows(NAME, summary, results)
    state_differences(summary, _counts(store_raw(measured, results, keep)))
    for label_class in (WITHOUT_LABELS, WITH_LABELS, ELSEWHERE):
        rows = of_class(summary, label_class)
        if rows["methods"]:
            click.echo(f"Learned {label_class}:\n{main_table(rows)}")
    click.echo(reference_sentence(summary))
    publish(NAME, summary, results)
