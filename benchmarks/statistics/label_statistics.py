"""Statistics of label similarity: means, chance correction, intervals and spreads, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.datasets.celeba import Faces
from benchmarks.methods.label_classes import class_of
from benchmarks.methods.methods import Method

KS = (1, 5, 20)
PERSON_KS = (1, 10)
DRAW_SIZE, DRAWS, RESAMPLES = 64, 1_000, 1_000


@dataclass(frozen=True)
class Measured:
    """The raw outcome of one method's search.

    counts: uint16 (q, len(KS)), attributes shared with the first k results; by_attribute: (len(KS), attributes);
    person_ranks: uint8 (q,), the rank of the first picture of the same person, 0 if beyond the last of PERSON_KS.
    """

    method: Method
    counts: NDArray[np.uint16]
    by_attribute: NDArray[np.float64]
    person_ranks: NDArray[np.uint8]
    seconds: dict[str, float]


def summarise(measured: Sequence[Measured], gallery: Faces, queries: Faces, seed: int) -> dict[str, Any]:
    """Statistics of all methods, on the same resamples and draws of queries for each method, as plain data."""
    chance = metrics.chance(queries.attributes, gallery.attributes)
    sampling = Sampling.of(len(queries), seed)
    attributes = len(queries.attribute_names)
    scores = {one.method.key: metrics.agreement(one.counts, KS, attributes) for one in measured}
    levels = Levels(chance.mean(axis=1), scores["oracle"])
    return {
        "seed": seed,
        "protocol": _protocol(gallery, queries),
        "chance": {
            "agreement": _rounded(chance.mean()),
            "by_attribute": _rounded(chance.mean(axis=0)),
            "same_person": {str(k): _rounded(expected_hit_rate(queries.identity, k)) for k in PERSON_KS},
        },
        "methods": [_summary(one, scores[one.method.key], levels, sampling) for one in measured],
    }


@dataclass(frozen=True)
class Levels:
    """Reference levels of agreement for every query: chance (q,) and the oracle (q, len(KS))."""

    chance: metrics.Floats
    oracle: metrics.Floats


@dataclass(frozen=True)
class Sampling:
    """Query weights, shared by all methods: bootstrap resamples and draws of the paper's size, each (r, q)."""

    bootstrap: NDArray[np.float64]
    draws: NDArray[np.float64]

    @classmethod
    def of(cls, queries: int, seed: int) -> Sampling:
        """Draw both sets of weights."""
        return cls(
            metrics.bootstrap_weights(queries, RESAMPLES, seed),
            metrics.draw_weights(queries, min(DRAW_SIZE, queries), DRAWS, seed),
        )


def expected_hit_rate(identity: NDArray[np.int64], k: int) -> float:
    """The probability that k random other faces include the same person, averaged over the faces (n,)."""
    others = len(identity) - 1
    same = (identity[:, None] == identity).sum(axis=1) - 1
    drawn = np.arange(k)
    # Hypergeometric: the probability that none of the k faces, drawn without replacement, is among the `same`.
    missed = np.clip((others - same[:, None] - drawn) / (others - drawn), 0, 1).prod(axis=1)
    return float(1 - missed.mean())


def _protocol(gallery: Faces, queries: Faces) -> dict[str, Any]:
    return {
        "gallery": len(gallery),
        "queries": len(queries),
        "gallery_names_sha256": gallery.names_sha256,
        "queries_names_sha256": queries.names_sha256,
        "ks": list(KS),
        "draw_size": min(DRAW_SIZE, len(queries)),
        "draws": DRAWS,
        "resamples": RESAMPLES,
        "attributes": list(queries.attribute_names),
    }


def _summary(one: Measured, scores: metrics.Floats, levels: Levels, sampling: Sampling) -> dict[str, Any]:
    method = one.method
    return {
        "key": method.key,
        "name": method.name,
        "code": method.code,
        "distance": method.distance,
        "class": class_of(method),
        "agreement": {str(k): _agreement(scores, column, levels, sampling) for column, k in enumerate(KS)},
        "same_person": {str(k): _mean(metrics.hit_rate(one.person_ranks, k), sampling) for k in PERSON_KS},
        "by_attribute": {str(k): _rounded(row) for k, row in zip(KS, one.by_attribute, strict=True)},
        "seconds": one.seconds,
    }


def _agreement(all_scores: metrics.Floats, column: int, levels: Levels, sampling: Sampling) -> dict[str, Any]:
    scores, chance, oracle = all_scores[:, column], levels.chance, levels.oracle[:, column]
    draws = sampling.draws @ scores
    means = (values.mean() for values in (scores, chance, oracle))
    resampled = (sampling.bootstrap @ values for values in (scores, chance, oracle))
    return _mean(scores, sampling) | {
        "corrected": _rounded(metrics.corrected(*means)),
        "corrected_interval": metrics.interval(metrics.corrected(*resampled)),
        "draws": {"mean": _rounded(draws.mean()), "spread": metrics.interval(draws)},
    }


def _mean(scores: metrics.Floats, sampling: Sampling) -> dict[str, Any]:
    return {"mean": _rounded(scores.mean()), "interval": metrics.interval(sampling.bootstrap @ scores)}


def _rounded(values: Any) -> Any:
    return np.round(values, 5).tolist()
