"""What does each step from a network's codes to the published ones contribute? Features, views, whitening."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import Codes, unit
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import faces_option, results_option
from benchmarks.datasets.alterations import altered_faces, load_strengths
from benchmarks.datasets.celeba import Faces, load_faces
from benchmarks.experiments.published_codes.page import main_table
from benchmarks.methods.encoders import import_torch
from benchmarks.methods.methods import Oracle, Random
from benchmarks.statistics import altered_recall
from benchmarks.statistics.label_search import run_methods
from benchmarks.statistics.label_statistics import summarise
from indexer.errors import InputError

if TYPE_CHECKING:
    from latentsearch.training.engine.trained import Trained

NAME = "published-codes"


@dataclass(frozen=True)
class Steps:
    """The steps before codes are compared.

    features: use the network's features instead of its codes. mirrored, closer: average over the mirror image, and over
    the enlarged middle, too. whitening: its power, or None.
    """

    name: str
    features: bool = False
    mirrored: bool = False
    closer: bool = False
    whitening: float | None = 0.5
    distance: str = "cosine"


VARIANTS = (
    Steps("the network's own", whitening=None, distance="euclidean"),
    Steps("whitened"),
    Steps("features, whitened", features=True),
    Steps("features, mirrored, whitened", True, True),
    Steps("features, mirrored, closer, whitened", True, True, True),
    Steps("features, mirrored, closer, whitened by 0.4", True, True, True, 0.4),
)


@dataclass
class Source:
    """A trained encoder with a cache of its outputs, which several variants use."""

    trained: Trained
    read: dict[tuple[str, bool, bool, bool], Codes] = field(default_factory=dict)

    def of(self, faces: Faces, steps: Steps) -> Codes:
        """The codes or features of faces, from the picture alone or averaged over its views: float32 (n, d)."""
        from latentsearch.export.bundle import EncoderGraph, encode

        key = (faces.names_sha256, steps.features, steps.mirrored, steps.closer)
        if key not in self.read:
            network = self.trained.features if steps.features else self.trained.encoder
            assert network is not None
            graph = EncoderGraph(network, steps.mirrored, steps.closer).eval()
            self.read[key] = encode(graph, faces.pixels(self.trained.framing))
        return self.read[key]


class Variant:
    """One row: the codes of a source after some steps, fitted on the gallery."""

    def __init__(self, source: Source, steps: Steps, key: str) -> None:
        self.source, self.steps = source, steps
        self.key, self.name, self.distance = key, steps.name, steps.distance
        self.code = f"{source.trained.latent_size} numbers"
        self._fitted_on = ""

    def fit(self, gallery: Faces) -> None:
        """Fit the centre and the matrix, once: both measurements call this."""
        from latentsearch.models.whitening import whitening

        if self._fitted_on == gallery.names_sha256:
            return
        self._fitted_on = gallery.names_sha256
        codes = self.source.of(gallery, self.steps)
        self._mean: NDArray[np.float64] = np.zeros(codes.shape[1])
        self._matrix: NDArray[np.float64] = np.eye(codes.shape[1])
        if self.steps.whitening is not None:
            self._mean, self._matrix = whitening(codes, self.source.trained.latent_size, self.steps.whitening)

    def codes(self, faces: Faces) -> Codes:
        """The codes after the steps."""
        codes = ((self.source.of(faces, self.steps) - self._mean) @ self._matrix).astype(np.float32)
        return unit(codes) if self.distance == "cosine" else codes


@experiment(NAME)
@faces_option
@click.option("--run", required=True, type=click.Path(path_type=Path), help="A run of a family with features.")
@click.option("--seed", default=0, show_default=True, help="Seed of altered faces, alterations and resamples.")
@results_option
def command(data: Path, run: Path, seed: int, results: Path) -> None:
    """Measure label similarity and recall of altered faces after several combinations of steps, and store them.

    Raises InputError for a run whose family has no features.
    """
    import_torch()
    from latentsearch.training.engine.trained import load_trained

    trained, _ = load_trained(run, terms="")
    if trained.features is None:
        raise InputError(f"{run} holds a run of {trained.family}, whose codes are not computed from features")
    source = Source(trained)
    variants = [Variant(source, steps, f"variant-{number}") for number, steps in enumerate(VARIANTS)]
    result = {"seed": seed, "run": {"family": trained.family} | trained.facts}
    result |= measure(variants, load_faces(data, "train"), load_faces(data, "validation"), seed)
    click.echo(main_table(result))
    publish(NAME, result, results)


def measure(variants: list[Variant], gallery: Faces, queries: Faces, seed: int) -> dict[str, Any]:
    """Both measurements of every variant, with intervals, as plain data."""
    measured, _ = run_methods([Random(seed), Oracle(), *variants], gallery, queries)
    labels = summarise(measured, gallery, queries, seed)
    random = np.random.default_rng([seed, 3])
    count = min(altered_recall.QUERIES, len(gallery))
    originals = np.sort(random.choice(len(gallery), count, replace=False))
    altered = {name: altered_faces(gallery, originals, name, seed) for name in load_strengths()}
    found, _ = altered_recall.measure_all(variants, gallery, originals, altered)
    recalls = {row["key"]: row["recall"] for row in altered_recall.summarise(found, gallery, count, seed)["methods"]}
    return {
        "protocol": labels["protocol"] | {"altered": count},
        "variants": [
            {
                "name": row["name"],
                "distance": row["distance"],
                "agreement": row["agreement"],
                "same_person": row["same_person"],
                "recall": {name: recall["1"] for name, recall in recalls[row["key"]].items()},
            }
            for row in labels["methods"]
            if row["key"] in recalls
        ],
    }
