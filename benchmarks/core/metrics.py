"""How good results are: agreement@k, its chance level and correction, same person, and how sure each number is.

A query's agreement@k is the share of the attributes that it has in common with its first k results, averaged over
those (AEGAN, section 4.2, "label similarity"). Attributes are uint8 (n, attributes) of 0 and 1.
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
    """Whether query and result share an attribute: bool (q, k, attributes) for rows of the gallery (q, k)."""
    return np.equal(gallery[found], queries[:, None, :])


def agreement_counts(matches: NDArray[np.bool_], ks: Sequence[int]) -> NDArray[np.uint16]:
    """How many attributes each query shares with its first k results together: uint16 (q, len(ks))."""
    by_rank = matches.sum(axis=2).cumsum(axis=1)
    return np.asarray(by_rank[:, [k - 1 for k in ks]], np.uint16)


def agreement(counts: NDArray[np.uint16], ks: Sequence[int], attributes: int) -> Floats:
    """Every query's agreement@k, in [0, 1], from its counts: (q, len(ks))."""
    return np.divide(counts, np.asarray(ks, np.float64) * attributes)


def attribute_agreement(matches: NDArray[np.bool_], ks: Sequence[int]) -> Floats:
    """The share of queries and results that share each attribute: (len(ks), attributes)."""
    return np.stack([np.asarray(matches[:, :k].mean(axis=(0, 1)), np.float64) for k in ks])


def chance(queries: Attributes, gallery: Attributes) -> Floats:
    """Every query's expected agreement with a face drawn from the gallery, by attribute: (q, attributes)."""
    share_of_ones = gallery.mean(axis=0)
    return np.asarray(np.where(queries == 1, share_of_ones, 1 - share_of_ones), np.float64)


def corrected(measured: Any, random: Any, oracle: Any) -> Any:
    """(measured - random) / (oracle - random): 0 is chance, 1 as good as the labels themselves allow."""
    span = np.asarray(oracle) - random
    return (np.asarray(measured) - random) / np.where(span == 0, np.nan, span)


def first_rank(
    identities: NDArray[np.int64], queries: NDArray[np.int64], found: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The rank (from 1) of the first result that shows the query's person, 0 where none of the k does: uint8 (q,).

    identities: (n,) of the gallery; queries: (q,) identities; found: rows of the gallery (q, k), k below 256.
    """
    same = identities[found] == queries[:, None]
    return np.where(same.any(axis=1), same.argmax(axis=1) + 1, 0).astype(np.uint8)


def hit_rate(ranks: NDArray[np.uint8], k: int) -> NDArray[np.float64]:
    """1.0 for every query with the same person among its first k results, else 0.0: (q,)."""
    return ((ranks > 0) & (ranks <= k)).astype(np.float64)


def bootstrap_weights(queries: int, resamples: int, seed: int) -> Floats:
    """How often each query is in each resample, divided by q: (resamples, q); `weights @ values` are means."""
    random = np.random.default_rng([seed, 1])
    return random.multinomial(queries, np.full(queries, 1 / queries), size=resamples) / queries


def draw_weights(queries: int, size: int, draws: int, seed: int) -> Floats:
    """The same for draws of `size` different queries, as a paper that measures on a few does: (draws, q)."""
    random = np.random.default_rng([seed, 2])
    weights = np.zeros((draws, queries))
    for row in weights:
        row[random.choice(queries, size, replace=False)] = 1 / size
    return weights


def interval(estimates: Floats) -> list[float]:
    """The 2.5 and 97.5 percentiles of resampled estimates (r,)."""
    return [round(float(value), 5) for value in np.percentile(estimates, PERCENTILES)]


def mean_with_interval(values: NDArray[Any], weights: Floats) -> dict[str, Any]:
    """The mean of values (q,), to five digits, and its interval over resamples: weights (r, q)."""
    values = np.asarray(values, np.float64)
    return {"mean": round(float(values.mean()), 5), "interval": interval(weights @ values)}


def resampled(values: Floats, resamples: int, seed: int) -> dict[str, Any]:
    """The same over resamples of its own, and how many values there are."""
    return mean_with_interval(values, bootstrap_weights(len(values), resamples, seed)) | {"n": len(values)}
