"""The paired difference, query by query, between each code and the best one that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.statistics.label_statistics import KS, RESAMPLES
from benchmarks.statistics.label_tables import BASELINES
from latentsearch.export.model_card import FITTED_FAMILY

# Reference levels, not codes: chance, the upper bound, untrained networks.
NO_CODES = ("random", "oracle", "untrained", "untrained-whitened")


def without_network(summary: dict[str, Any]) -> list[str]:
    """The keys of the rows that use no network."""
    families = {key: facts.get("family") for key, facts in summary.get("encoders", {}).items()}
    return [
        row["key"]
        for row in summary["methods"]
        if (row["key"] in BASELINES and row["key"] not in NO_CODES) or families.get(row["key"]) == FITTED_FAMILY
    ]


def state_differences(summary: dict[str, Any], counts: Mapping[str, NDArray[np.uint16]]) -> None:
    """Add the best row without a network, by agreement at the largest k, and each row's difference from it.

    counts: of every row, including kept ones, as in `Measured`. Adds nothing if all of them use a network.
    """
    rows = {row["key"]: row for row in summary["methods"]}
    candidates = [key for key in without_network(summary) if key in counts]
    if not candidates:
        return
    best = max(candidates, key=lambda key: float(rows[key]["agreement"][str(KS[-1])]["mean"]))
    attributes = len(summary["protocol"]["attributes"])
    baseline = metrics.agreement(counts[best], KS, attributes)
    weights = metrics.bootstrap_weights(len(baseline), RESAMPLES, summary["seed"])
    summary["baseline"] = best
    for key, row in rows.items():
        if key in counts:
            difference = metrics.agreement(counts[key], KS, attributes) - baseline
            for column, k in enumerate(KS):
                row["agreement"][str(k)]["beyond_baseline"] = _stated(difference[:, column], weights)


def _stated(difference: metrics.Floats, weights: metrics.Floats) -> dict[str, Any]:
    return {"mean": round(float(difference.mean()), 5), "interval": metrics.interval(weights @ difference)}
