"""Class of the nearest neighbours by code, compared with neighbours by pixels and by principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import nearest
from benchmarks.core.metrics import bootstrap_weights, mean_with_interval
from latentsearch.models.whitening import PrincipalAxes

NEIGHBOURS = 5
RESAMPLES = 1_000

Codes = NDArray[np.float32]
Read = NDArray[np.uint8]


def neighbours_vote(
    gallery: Codes, gallery_labels: NDArray[np.int64], queries: Codes, distance: str = "euclidean"
) -> Read:
    """The commonest label among each query's NEIGHBOURS nearest, ties by the nearest: uint8 (q,).

    gallery (n, d) with labels (n,), queries (q, d). distance: a key of benchmarks.core.exact_search.DISTANCES.
    """
    labels = gallery_labels[nearest(queries, gallery, NEIGHBOURS, distance)]
    votes = (labels[:, :, None] == labels[:, None, :]).sum(2)
    commonest: Read = labels[np.arange(len(labels)), votes.argmax(1)].astype(np.uint8)
    return commonest


def same_class(
    gallery: Codes, gallery_labels: NDArray[np.int64], queries: Codes, labels: NDArray[np.int64], k: int, distance: str
) -> NDArray[np.float64]:
    """The share of each query's k nearest neighbours that show its class: float64 (q,). Arguments as above."""
    found = gallery_labels[nearest(queries, gallery, k, distance)]
    return np.asarray((found == labels[:, None]).mean(1))


def principal_components(train: Codes, test: Codes, size: int) -> tuple[Codes, Codes]:
    """Training and test pictures (n, d) projected on the first components of the training pictures."""
    mean = train.mean(0)
    centred = train - mean
    axes = PrincipalAxes.of(centred.T @ centred).axes[:, ::-1][:, :size]
    return centred @ axes, (test - mean) @ axes


def flat(images: NDArray[np.uint8]) -> Codes:
    """Images uint8 (n, ...) flattened to numbers in [0, 1]: float32 (n, d)."""
    return np.asarray(images.reshape(len(images), -1) / np.float32(255), np.float32)


class Scores:
    """Turns right-or-wrong, or a share from 0 to 1, (n,) into the mean and its interval over the queries."""

    def __init__(self, count: int, seed: int) -> None:
        self.weights = bootstrap_weights(count, RESAMPLES, seed)

    def __call__(self, right: NDArray[Any]) -> dict[str, Any]:
        """Return {"mean", "interval"}."""
        return mean_with_interval(right, self.weights)
