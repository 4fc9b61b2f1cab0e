"""Metrics of search results: agreement@k, its chance level and correction, same-person hit rate, and their intervals.

A query's agreement@k is the share of attributes that it has in common with a result, averaged over the first k results
(AEGAN, section 4.2, "label similarity"). Attributes are uint8 (n, attributes), 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Attributes = NDArray[np.uint8]
Floats = NDArray[np.float64]

PERCENTILES = (2.5, 97.5)


def agreeing(queries: Attributes, gallery: Attributes, found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether query and result have the same value of each attribute: bool (q, k, attributes).

    found: rows of the gallery (q, k).
    """
    return np.equal(gallery[found], queries[:, None, :])


def agreement_counts(matches: NDArray[np.bool_], ks: Sequence[int]) -> NDArray[np.uint16]:
    """Attributes that each query shares with its first k results, summed over the results: uint16 (q, len(ks))."""
    by_rank = matches.sum(axis=2).cumsum(axis=1)
    return np.asarray(by_rank[:, [k - 1 for k in ks]], np.uint16)


def agreement(counts: NDArray[np.uint16], ks: Sequence[int], attributes: int) -> Floats:
    """Each query's agreement@k in [0, 1], from its counts: (q, len(ks))."""
    return np.divide(counts, np.asarray(ks, np.float64) * attributes)


def attribute_agreement(matches: NDArray[np.bool_], ks: Sequence[int]) -> Floats:
    """For each attribute, the share of query-result pairs with the same value: (len(ks), attributes)."""
    return np.stack([np.asarray(matches[:, :k].mean(axis=(0, 1)), np.float64) for k in ks])


def chance(queries: Attributes, gallery: Attributes) -> Floats:
    """Each query's expected agreement with a random gallery face, by attribute: (q, attributes)."""
    share_of_ones = gallery.mean(axis=0)
    return np.asarray(np.where(queries == 1, share_of_ones, 1 - share_of_ones), np.float64)


def corrected(measured: Any, random: Any, oracle: Any) -> Any:
    """(measured - random) / (oracle - random): 0 is chance level, 1 is what search by the labels themselves reaches."""
    span = np.asarray(oracle) - random
    return (np.asarray(measured) - random) / np.where(span == 0, np.nan, span)


def first_rank(
    identities: NDArray[np.int64], queries: NDArray[np.int64], found: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The rank (from 1) of the first result that shows the query's person, or 0 if none of the k does: uint8 (q,).

    identities: (n,) of the gallery; queries: (q,) identities; found: gallery rows (q, k), k below 256.
    """
    same = identities[found] == queries[:, None]
    return np.where(same.any(axis=1), same.argmax(axis=1) + 1, 0).astype(np.uint8)


def hit_rate(ranks: NDArray[np.uint8], k: int) -> NDArray[np.float64]:
    """1.0 for each query with the same person among its first k results, otherwise 0.0: (q,)."""
    return ((ranks > 0) & (ranks <= k)).astype(np.float64)


def bootstrap_weights(queries: int, resamples: int, seed: int) -> Floats:
    """Each query's share of each bootstrap resample: (resamples, q); `weights @ values` gives the resampled means."""
    random = np.random.default_rng([seed, 1])
    return random.multinomial(queries, np.full(queries, 1 / queries), size=resamples) / queries


def draw_weights(queries: int, size: int, draws: int, seed: int) -> Floats:
    """Weights of random draws of `size` distinct queries, the sample size of a small published study: (draws, q)."""
    random = np.random.default_rng([seed, 2])
    weights = np.zeros((draws, queries))
    for row in weights:
        row[random.choice(queries, size, replace=False)] = 1 / size
    return weights


def interval(estimates: Floats) -> list[float]:
    """The 2.5th and 97.5th percentiles of resampled estimates (r,)."""
    return [round(float(value), 5) for value in np.percentile(estimates, PERCENTILES)]


def mean_with_interval(values: NDArray[Any], weights: Floats) -> dict[str, Any]:
    """The mean of values (q,), to five digits, and its interval over resamples with weights (r, q)."""
    values = np.asarray(values, np.float64)
    return {"mean": round(float(values.mean()), 5), "interval": interval(weights @ values)}


def resampled(values: Floats, resamples: int, seed: int) -> dict[str, Any]:
    """The mean and its interval over newly drawn resamples, and the number of values."""
    return mean_with_interval(values, bootstrap_weights(len(values), resamples, seed)) | {"n": len(values)}
