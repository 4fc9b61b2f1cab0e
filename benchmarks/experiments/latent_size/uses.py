"""Uses of reconstructions and codes: training a digit classifier (Fig. 9), and finding faces with the same labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.datasets.celeba import load_faces
from benchmarks.datasets.image_sets import Sets, Split
from benchmarks.experiments.latent_size.classifier import accuracy, train
from benchmarks.experiments.latent_size.models import Model, Search
from benchmarks.judges.inverters import to_images, to_pixels
from benchmarks.methods.encoders import Network
from benchmarks.methods.methods import Method, Oracle, Random, whitened
from benchmarks.statistics.label_search import search
from benchmarks.statistics.label_statistics import summarise
from indexer.encoders.framing import CELEBA


def learned_from(split: Split, test: Split, seed: int) -> dict[str, float]:
    """The share of test images classified correctly by a network trained on these images."""
    return {"accuracy": accuracy(train(split, seed), test)}


def learned_from_reconstructions(model: Model, split: Split, test: Split, search: Search) -> dict[str, float]:
    """The same after training on reconstructions of those images, with the originals' labels."""
    drawn = to_pixels(model.reconstruct(to_images(split.images), search).clamp(0, 1))
    return learned_from(Split(drawn, split.labels), test, search.seed)


def label_agreement(models: Sequence[Model], sets: Sets, seed: int) -> dict[str, Any]:
    """Agreement of results with validation faces, by each autoencoder's codes, as label-similarity measures it.

    Two rows per model, "KEY" by Euclidean distance and "KEY-whitened" by cosine, besides random codes and the oracle.
    """
    gallery, queries = (load_faces(Path(sets.path), partition) for partition in ("train", "validation"))
    methods: list[Method] = [Random(seed), Oracle()]
    for model in models:
        assert model.encoder is not None
        network = Network(model.encoder, model.latent_size, CELEBA, model.key, model.key, model.facts)
        methods += [network, whitened(network, model.key)]
    summary = summarise([search(method, gallery, queries) for method in methods], gallery, queries, seed)
    kept = ("key", "agreement", "same_person")
    return {"rows": [{name: row[name] for name in kept} for row in summary["methods"]], "chance": summary["chance"]}
