"""Searches for originals by altered copies: each method's recall, with the many ties of hashes taken into account."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import Codes, distance_matrix
from benchmarks.core.metrics import Floats, bootstrap_weights, mean_with_interval
from benchmarks.datasets.alterations import load_strengths
from benchmarks.datasets.celeba import Faces
from benchmarks.methods.methods import Method
from indexer.errors import MissingExtra

# Keys of the methods without training; the paper compares with dHash, pHash and the histogram.
BASELINES = ("dhash", "phash", "ahash", "whash", "colours", "pixels", "pca-cosine")
HASHES = ("dhash", "phash", "ahash", "whash")
KS = (1, 10)
QUERIES, RESAMPLES = 500, 1_000


@dataclass(frozen=True)
class Ranks:
    """The place of each query's original: `closer` pictures come before it, `ties` (including itself) are equally far.

    int64 (q,) each. Hashes give many pictures the same distance, and ties have no natural order.
    """

    closer: NDArray[np.int64]
    ties: NDArray[np.int64]

    def recall(self, k: int) -> Floats:
        """The probability that the original is among the first k, with ties in random order: float64 (q,)."""
        return np.clip((k - self.closer) / self.ties, 0, 1)


def ranks_of_originals(queries: Codes, gallery: Codes, originals: NDArray[np.int64], distance: str) -> Ranks:
    """Search every query (q, d) in the gallery (n, d); originals: the gallery row of each query, int64 (q,)."""
    distances = distance_matrix(queries, gallery, distance)
    own = distances[np.arange(len(distances)), originals][:, None]
    return Ranks((distances < own).sum(axis=1), (distances == own).sum(axis=1))


@dataclass(frozen=True)
class Measured:
    """The outcome of one method's searches: ranks by alteration."""

    method: Method
    ranks: dict[str, Ranks]
    seconds: float


def measure(method: Method, gallery: Faces, originals: NDArray[np.int64], altered: dict[str, Faces]) -> Measured:
    """Search for the altered faces by one method. Raises MissingExtra if its library is not installed."""
    started = time.perf_counter()
    method.fit(gallery)
    codes = method.codes(gallery)
    found = {
        name: ranks_of_originals(method.codes(faces), codes, originals, method.distance)
        for name, faces in altered.items()
    }
    return Measured(method, found, round(time.perf_counter() - started, 2))


def measure_all(
    methods: Iterable[Method], gallery: Faces, originals: NDArray[np.int64], altered: dict[str, Faces]
) -> tuple[list[Measured], dict[str, str]]:
    """Measure all methods; those without their library are left out and returned as key -> reason."""
    measured, left_out = [], {}
    for method in methods:
        try:
            measured.append(measure(method, gallery, originals, altered))
            click.echo(f"measured: {method.name}, {method.distance}", err=True)
        except MissingExtra as error:
            left_out[method.key] = str(error)
            click.echo(f"left out: {method.name} ({error})", err=True)
    return measured, left_out


def summarise(measured: Sequence[Measured], gallery: Faces, queries: int, seed: int) -> dict[str, Any]:
    """Recall of all methods with 95 % intervals, on the same resamples of queries for each method, as plain data."""
    weights = bootstrap_weights(queries, RESAMPLES, seed)
    return {
        "seed": seed,
        "protocol": {
            "gallery": len(gallery),
            "gallery_names_sha256": gallery.names_sha256,
            "queries": queries,
            "ks": list(KS),
            "resamples": RESAMPLES,
            "strengths": load_strengths(),
        },
        "methods": [_summary(one, weights) for one in measured],
    }


def _summary(one: Measured, weights: Floats) -> dict[str, Any]:
    method = one.method
    group = "hash" if method.key in HASHES else "baseline" if method.key in BASELINES else "learned"
    recall = {
        name: {str(k): mean_with_interval(found.recall(k), weights) for k in KS} for name, found in one.ranks.items()
    }
    facts = {"key": method.key, "name": method.name, "code": method.code, "distance": method.distance}
    return facts | {"kind": group, "recall": recall, "seconds": one.seconds}
