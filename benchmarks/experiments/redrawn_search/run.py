"""If a generator sets one attribute of a query face, do the results have it, and keep the other attributes?

Follows `latentsearch query --set … --set-by BUNDLE`: the face is encoded as (z, y), y is changed, the generator draws,
and the index's encoder encodes the drawing. Queries and results are the faces that edited-search measures on, half of
the people. The bundle's run was trained on these faces and their labels; no label of a result is used in the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.exact_search import Codes, nearest
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.redrawn_search.page import table
from benchmarks.methods.learned import FACTS
from benchmarks.statistics.edited_queries import ASKED, RESAMPLES, K, in_first_half, lacking
from indexer.encoders.encoder import Encoder, load_encoder, read_model
from latentsearch.attributes.redraw import Redrawing, RedrawingEncoder
from latentsearch.notation import Change

NAME = "redrawn-search"


@dataclass(frozen=True)
class Gallery:
    """The searched faces: pixels uint8 (n, h, w, 3), codes (n, d), attributes uint8 (n, attributes)."""

    pixels: NDArray[np.uint8]
    codes: Codes
    attributes: NDArray[np.uint8]
    names: tuple[str, ...]
    distance: str


def searched_half(faces: Faces, encoder: Encoder, seed: int) -> Gallery:
    """The faces of the half of the people on which edited-search measures."""
    rows = np.flatnonzero(~in_first_half(faces.identity, seed))
    pixels = faces.pixels(encoder.framing)[rows]
    return Gallery(pixels, encoder.encode(pixels), faces.attributes[rows], faces.attribute_names, encoder.distance)


def measure(gallery: Gallery, encoder: Encoder, bundle: str, name: str, value: int, seed: int) -> dict[str, Any]:
    """Search for faces that lack a value: the original, a redrawn one, and one redrawn with the value set."""
    attribute = gallery.names.index(name)
    queries = lacking(gallery.attributes[:, attribute], value, seed)
    weights = metrics.bootstrap_weights(len(queries), RESAMPLES, seed)
    codes = {
        "as_it_is": gallery.codes[queries],
        "drawn_anew": RedrawingEncoder(Redrawing(bundle, []), encoder).encode(gallery.pixels[queries]),
        "set": RedrawingEncoder(Redrawing(bundle, [Change(name, value)]), encoder).encode(gallery.pixels[queries]),
    }
    found = {way: _found(gallery, own, queries) for way, own in codes.items()}
    others = np.delete(np.arange(len(gallery.names)), attribute)
    agreed = {way: _agreed(gallery, queries, rows, others) for way, rows in found.items()}
    return {
        "value": value,
        "queries": len(queries),
        "asked": {
            way: metrics.mean_with_interval((gallery.attributes[rows, attribute] == value).mean(axis=1), weights)
            for way, rows in found.items()
        },
        "others_kept_change": {
            way: metrics.mean_with_interval(agreed[way] - agreed["as_it_is"], weights) for way in ("drawn_anew", "set")
        },
    }


def _found(gallery: Gallery, codes: Codes, queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """The K nearest faces of each code, the query's own face excluded: rows, int64 (q, K)."""
    found = nearest(codes, gallery.codes, min(K + 1, len(gallery.codes)), gallery.distance)
    others = found != queries[:, None]
    others[others.all(axis=1), -1] = False
    return np.asarray(found[others].reshape(len(queries), -1))


def _agreed(
    gallery: Gallery, queries: NDArray[np.int64], found: NDArray[np.int64], others: NDArray[np.int64]
) -> metrics.Floats:
    own = gallery.attributes[queries][:, None, others]
    return np.asarray((gallery.attributes[found][:, :, others] == own).mean(axis=(1, 2)), np.float64)


def measure_all(faces: Faces, encoder: Encoder, bundle: str, asked: Sequence[str], seed: int) -> dict[str, Any]:
    """Measure both values of every attribute."""
    gallery = searched_half(faces, encoder, seed)
    rows = {name: [measure(gallery, encoder, bundle, name, value, seed) for value in (1, 0)] for name in asked}
    return {"measured_on": len(gallery.codes), "k": K, "resamples": RESAMPLES, "asked": rows, "seed": seed}


@experiment(NAME, help=__doc__)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder in CelebA's format."
)
@click.option("--set-by", "bundle", required=True, metavar="BUNDLE", help="A bundle of icgan with Euclidean distance.")
@click.option("--encoder", metavar="NAME", help="The bundle to search with. [default: the shipped one]")
@click.option("--attribute", "asked", multiple=True, help="Attribute to set instead of the nine; may be repeated.")
@click.option("--seed", default=0, show_default=True, help="Seed of the split into halves and of the queries.")
@results_option
def command(data: Path, bundle: str, encoder: str | None, asked: tuple[str, ...], seed: int, results: Path) -> None:
    """Measure, print and store."""
    loaded = load_encoder(encoder)
    result = measure_all(load_faces(data, "train"), loaded, bundle, asked or ASKED, seed)
    model = read_model(load_encoder(bundle, network=False).folder)
    facts = {fact: model["trained"].get(fact) for fact in FACTS}
    result |= {"encoder": loaded.name, "generator": {"name": model["name"], **facts}}
    click.echo(table(result))
    publish(NAME, result, results)
