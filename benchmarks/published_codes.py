"""What each step from a network's codes to the published ones is worth: mirroring, whitening, steadying."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks import altered_search, label_similarity
from benchmarks.alterations import altered_faces, load_strengths
from benchmarks.celeba import Faces, load_faces
from benchmarks.encoders import import_torch
from benchmarks.exact_search import Codes, unit
from benchmarks.label_statistics import summarise
from benchmarks.methods import Oracle, Random
from benchmarks.pages.published_codes import main_table
from benchmarks.results_store import RESULTS, store
from indexer.errors import InputError

if TYPE_CHECKING:
    from latentsearch.training.finished import Trained

NAME = "published-codes"


@dataclass(frozen=True)
class Steps:
    """What is done to a network's codes before they are compared. steadying: its power, None for none."""

    name: str
    mirrored: bool = False
    whitened: bool = False
    steadying: float | None = None
    distance: str = "cosine"


VARIANTS = (
    Steps("the network's own", distance="euclidean"),
    Steps("whitened", whitened=True),
    Steps("whitened, steadied by 0.35", whitened=True, steadying=0.35),
    Steps("mirrored, whitened", mirrored=True, whitened=True),
    Steps("mirrored, whitened, steadied by 0.25", True, True, 0.25),
    Steps("mirrored, whitened, steadied by 0.35", True, True, 0.35),
    Steps("mirrored, whitened, steadied by 0.5", True, True, 0.5),
    Steps("mirrored, whitened, steadied by 1", True, True, 1.0),
)


@dataclass
class Source:
    """A trained encoder, and what it made of faces, remembered: both are needed by every variant."""

    trained: Trained
    codes: dict[tuple[str, bool], Codes] = field(default_factory=dict)
    altered: dict[bool, Codes] = field(default_factory=dict)

    def of(self, faces: Faces, mirrored: bool) -> Codes:
        """The network's codes of faces, of a picture alone or the mean with its mirror image's: float32 (n, d)."""
        from latentsearch.bundle import EncoderGraph, encode

        key = (faces.names_sha256, mirrored)
        if key not in self.codes:
            graph = EncoderGraph(self.trained.encoder, mirrored).eval()
            self.codes[key] = encode(graph, faces.pixels(self.trained.framing))
        return self.codes[key]

    def of_altered(self, faces: Faces, mirrored: bool) -> Codes:
        """The codes of the first of the faces, altered as the encoder's codes are not to see."""
        from latentsearch.bundle import EncoderGraph, encode_altered

        if mirrored not in self.altered:
            graph = EncoderGraph(self.trained.encoder, mirrored).eval()
            altered = encode_altered(graph, self.trained.invariance, faces.pixels(self.trained.framing))
            assert altered is not None
            self.altered[mirrored] = altered
        return self.altered[mirrored]


class Variant:
    """A row: the codes of a source after some steps, fitted on the gallery."""

    def __init__(self, source: Source, steps: Steps, key: str) -> None:
        self.source, self.steps = source, steps
        self.key, self.name, self.distance = key, steps.name, steps.distance
        self.code = f"{source.trained.latent_size} numbers"

    def fit(self, gallery: Faces) -> None:
        """Fit centre and matrix."""
        from latentsearch.bundle import steadying, whitening

        codes = self.source.of(gallery, self.steps.mirrored)
        self._mean: NDArray[np.float64] = np.zeros(codes.shape[1])
        self._matrix: NDArray[np.float64] = np.eye(codes.shape[1])
        if self.steps.whitened:
            self._mean, self._matrix = whitening(codes)
        if self.steps.steadying is not None:
            altered = self.source.of_altered(gallery, self.steps.mirrored)
            changes = (altered - codes[: len(altered)]) @ self._matrix
            self._matrix = self._matrix @ steadying(changes, self.steps.steadying)

    def codes(self, faces: Faces) -> Codes:
        """The codes after the steps."""
        codes = ((self.source.of(faces, self.steps.mirrored) - self._mean) @ self._matrix).astype(np.float32)
        return unit(codes) if self.distance == "cosine" else codes


@click.command(NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A folder in CelebA's format.")
@click.option("--run", required=True, type=click.Path(path_type=Path), help="A training run with an invariance.")
@click.option("--seed", default=0, show_default=True, help="Of the altered faces, the alterations and the resamples.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where to. [benchmarks/results]")
def command(data: Path, run: Path, seed: int, results: Path) -> None:
    """Measure label similarity and the recall of altered faces after each of some steps, and write the results.

    Raises InputError for a run whose family has no invariance.
    """
    import_torch()
    from latentsearch.training.finished import load_trained

    trained, _ = load_trained(run, terms="")
    if trained.invariance is None:
        raise InputError(f"{run} holds a run of {trained.family}, whose codes are not fitted to leave anything out")
    source = Source(trained)
    variants = [Variant(source, steps, f"variant-{number}") for number, steps in enumerate(VARIANTS)]
    result = {"seed": seed, "run": {"family": trained.family} | trained.facts}
    result |= measure(variants, load_faces(data, "train"), load_faces(data, "validation"), seed)
    path = store(NAME, result, results)
    click.echo(main_table(result))
    click.echo(f"written: {path}; `python -m benchmarks report` makes the page", err=True)


def measure(variants: list[Variant], gallery: Faces, queries: Faces, seed: int) -> dict[str, Any]:
    """Both measures of every variant, with their intervals, as plain data."""
    measured, _ = label_similarity.run_methods([Random(seed), Oracle(), *variants], gallery, queries)
    labels = summarise(measured, gallery, queries, seed)
    random = np.random.default_rng([seed, 3])
    count = min(altered_search.QUERIES, len(gallery))
    originals = np.sort(random.choice(len(gallery), count, replace=False))
    altered = {name: altered_faces(gallery, originals, name, seed) for name in load_strengths()}
    found, _ = altered_search.measure_all(variants, gallery, originals, altered)
    recalls = {row["key"]: row["recall"] for row in altered_search.summarise(found, gallery, count, seed)["methods"]}
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


def main(arguments: list[str]) -> None:
    """Run the command."""
    command(arguments, standalone_mode=False)
