"""If one attribute is set in a query, do the results have it, and keep the other attributes and the person?

Follows `latentsearch query --set`: directions in code space that predict attributes. The directions, and the weight of
a set attribute, are learned from half of the gallery's people; queries and results come from the other half, so no
label of a result is used. For comparison, searches that do read the labels: among faces with the attribute, those with
the nearest codes, and those that share the most other attributes. Also measured: directions learned from predicted
labels, for collections without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.exact_search import Codes, Distances, distance_matrix, smallest
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.methods.encoders import Bundle
from benchmarks.statistics.edited_queries import ASKED, RESAMPLES, K, in_first_half, lacking
from indexer.encoders.attributes import HOLDS, AttributeEncoder, load_attribute_encoder
from indexer.encoders.encoder import load_encoder
from latentsearch.attributes.ranking import EditedRanking, Setting, fit_ranking, settable

NAME = "edited-search"
# Attributes that imply one another, so that setting one must change the others: a beard is a goatee, a mustache,
# sideburns or a shadow, and hair has one colour.
HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
SAME_THING = {
    "No_Beard": ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns"),
    "Black_Hair": HAIR,
    "Blond_Hair": HAIR,
}
DEEP = 1_000


@dataclass(frozen=True)
class Half:
    """The faces of half of the people: codes (n, d), attributes uint8 (n, attributes) and identities int64 (n,).

    names: of the attributes.
    """

    codes: Codes
    attributes: NDArray[np.uint8]
    identity: NDArray[np.int64]
    names: tuple[str, ...]


def halves(codes: Codes, faces: Faces, seed: int) -> tuple[Half, Half]:
    """Split the faces into two halves by person."""
    first = in_first_half(faces.identity, seed)
    order = np.argsort(faces.identity, kind="stable")
    parts = (order[first[order]], order[~first[order]])
    made = [Half(codes[part], faces.attributes[part], faces.identity[part], faces.attribute_names) for part in parts]
    return made[0], made[1]


def measure(
    half: Half, attribute: int, setting: Setting, ranking: EditedRanking, distance: str, seed: int
) -> dict[str, Any]:
    """Search the other faces for queries that lack a value, unedited and with the value set."""
    value = setting.value
    queries = lacking(half.attributes[:, attribute], value, seed)
    own = distance_matrix(half.codes[queries], half.codes, distance)
    own[np.arange(len(queries)), queries] = np.inf
    edited = ranking.distances(own, ranking.slopes(half.codes[queries], [setting]), half.codes)
    deep = min(DEEP, len(half.codes) - 1)
    before, after = smallest(own, deep), smallest(edited, deep)
    weights = metrics.bootstrap_weights(len(queries), RESAMPLES, seed)
    others = np.delete(np.arange(len(half.names)), attribute)
    same_thing = SAME_THING.get(half.names[attribute], ())
    unrelated = np.array([other for other in others if half.names[other] not in same_thing])
    kept_before = _kept(half, queries, before, others)
    unrelated_before = _kept(half, queries, before, unrelated)
    return {
        "value": value,
        "queries": len(queries),
        "counts_for": setting.weight,
        "asked_before": _score(_has(half, before, attribute, value), weights),
        "asked": _score(_has(half, after, attribute, value), weights),
        "others_kept_change": _score(_kept(half, queries, after, others) - kept_before, weights),
        "unrelated_kept_change": _score(_kept(half, queries, after, unrelated) - unrelated_before, weights),
        "by_labels": {
            name: _score(_kept(half, queries, found, others) - kept_before, weights)
            for name, found in _by_labels(half, queries, own, attribute, value).items()
        },
        "same_person": _same_person(half, queries, before, after, attribute, value),
    }


def _by_labels(
    half: Half, queries: NDArray[np.int64], own: Distances, attribute: int, value: int
) -> dict[str, NDArray[np.int64]]:
    """The first K rows with the value: "code", by distance; "others", by shared attributes, ties by distance."""
    lacks = half.attributes[:, attribute] != value
    count = min(K, int(np.count_nonzero(~lacks)))
    others = np.delete(half.attributes, attribute, axis=1)
    differ = distance_matrix(others[queries], others, "hamming") + own / (1 + own[np.isfinite(own)].max())
    return {name: smallest(np.where(lacks, np.inf, far), count) for name, far in (("code", own), ("others", differ))}


def _has(half: Half, found: NDArray[np.int64], attribute: int, value: int) -> metrics.Floats:
    """The share of the first K results that have the value, per query."""
    return np.asarray((half.attributes[found[:, :K], attribute] == value).mean(axis=1), np.float64)


def _kept(
    half: Half, queries: NDArray[np.int64], found: NDArray[np.int64], attributes: NDArray[np.int64]
) -> metrics.Floats:
    """The share of these attributes that the query and its first K results have in common, per query."""
    own = half.attributes[queries][:, None, attributes]
    return np.asarray((half.attributes[found[:, :K]][:, :, attributes] == own).mean(axis=(1, 2)), np.float64)


def _same_person(
    half: Half,
    queries: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    attribute: int,
    value: int,
) -> dict[str, Any]:
    """Ranks, before and after, of the first picture of the same person with the value, for people who have one."""
    has = half.attributes[:, attribute] == value
    wanted = [np.any(has & (half.identity == half.identity[query])) for query in queries]
    ranks = {}
    for name, found in (("before", before), ("after", after)):
        hits = (half.identity[found] == half.identity[queries][:, None]) & has[found]
        first = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, found.shape[1] + 1)[wanted]
        ranks[name] = {
            "median_rank": float(np.median(first)) if len(first) else None,
            "among_first_10": float(np.mean(first <= K)) if len(first) else None,
        }
    return {"queries": int(np.sum(wanted)), **ranks}


def _score(values: metrics.Floats, weights: metrics.Floats) -> dict[str, Any]:
    return {"mean": float(values.mean()), "interval": metrics.interval(weights @ values)}


def measure_all(
    faces: Faces, method: Bundle, asked: Sequence[str], seed: int, predictor: AttributeEncoder | None = None
) -> dict[str, Any]:
    """Learn from half of the people, and measure each attribute, set to 0 and to 1, on the other half.

    predictor: if given, also learn from the labels that it predicts.
    """
    codes = method.codes(faces)
    learned_from, measured_on = halves(codes, faces, seed)
    rows = measure_each(learned_from, measured_on, asked, method.distance, seed)
    predicted = {}
    if predictor is not None:
        seen = (predictor.values(np.array(faces.pixels(predictor.framing))) >= HOLDS).astype(np.uint8)
        described, _ = halves(codes, replace(faces, attribute_names=predictor.labels, attributes=seen), seed)
        known = [name for name in rows if name in predictor.labels]
        predicted = {
            "name": predictor.name,
            "asked": measure_each(described, measured_on, known, method.distance, seed, predicted=1.0),
        }
    return {
        "predicted": predicted,
        "faces": len(faces),
        "learned_from": len(learned_from.codes),
        "measured_on": len(measured_on.codes),
        "k": K,
        "deep": DEEP,
        "resamples": RESAMPLES,
        "method": {"name": method.name, "code": method.code, "distance": method.distance, **method.facts},
        "asked": rows,
        "same_thing": {name: [one for one in SAME_THING[name] if one != name] for name in rows if name in SAME_THING},
        "seed": seed,
    }


def measure_each(
    learned_from: Half, measured_on: Half, asked: Sequence[str], distance: str, seed: int, predicted: float = 0.0
) -> dict[str, Any]:
    """Set each attribute that can be set: name -> its share of faces and the results of both values.

    predicted: the share of the labels learned from that were predicted.
    """
    labels = np.flatnonzero(settable(learned_from.attributes.astype(np.int8)))
    values = learned_from.attributes[:, labels].astype(np.int8)
    ranking, counts_for = fit_ranking(learned_from.codes, values, distance, seed, predicted)
    settable_names = [learned_from.names[label] for label in labels]
    rows = {}
    for name in asked:
        if name in settable_names:
            label, attribute = settable_names.index(name), measured_on.names.index(name)
            settings = [Setting(label, value, float(counts_for[label, value])) for value in (1, 0)]
            rows[name] = {
                "share_of_faces": float(measured_on.attributes[:, attribute].mean()),
                "ways": [measure(measured_on, attribute, setting, ranking, distance, seed) for setting in settings],
            }
    return rows


@experiment(NAME, help=__doc__)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder in CelebA's format."
)
@click.option("--encoder", metavar="NAME", help="A bundle's name or folder. [default: the shipped one]")
@click.option("--predicted-by", metavar="NAME", help="The bundle that predicts labels. [default: the shipped one]")
@click.option("--attribute", "asked", multiple=True, help="Attribute to set instead of the nine; may be repeated.")
@click.option("--seed", default=0, show_default=True, help="Seed of the split into halves and of the queries.")
@results_option
def command(
    data: Path, encoder: str | None, predicted_by: str | None, asked: tuple[str, ...], seed: int, results: Path
) -> None:
    """Measure, print and store."""
    loaded = load_encoder(encoder)
    method = Bundle(loaded, "bundle", f"bundle {loaded.name}")
    result = measure_all(load_faces(data, "train"), method, asked or ASKED, seed, load_attribute_encoder(predicted_by))
    for name, row in result["asked"].items():
        for way in row["ways"]:
            click.echo(
                f"{name}={way['value']}: {way['asked']['mean']:.3f} of the first {K} have it "
                f"({way['asked_before']['mean']:.3f} before), others kept {way['others_kept_change']['mean']:+.4f}"
            )
    publish(NAME, result, results)
