"""How well neighbours share attributes, with intervals: the figures of latent-map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.datasets.celeba import Faces
from benchmarks.methods.methods import Method
from indexer.errors import InputError

K, RESAMPLES = 10, 1_000
PIXEL_COMPONENTS = 50

Counts = NDArray[np.uint8]


@dataclass(frozen=True)
class Mapped:
    """The neighbourhoods of one method's codes.

    plane: float32 (n, 2), their t-SNE; near, near_in_plane: uint8 (n, attributes), the number of a face's K nearest
    others with each attribute, by the codes' distance and in the plane.
    """

    method: Method
    plane: NDArray[np.float32]
    near: Counts
    near_in_plane: Counts
    seconds: dict[str, float]


def sharing(near: Counts, attribute: NDArray[np.uint8], weights: metrics.Floats) -> dict[str, metrics.Floats]:
    """How well neighbours share one attribute (n,) in each resample: weights (r, n), see bootstrap_weights.

    "having": for faces with the attribute, the mean share of neighbours with it, which is what a cluster shows;
    "balanced": the mean of that and of the share, for faces without it, of neighbours without it.
    """
    share = near / K
    having = _mean(share, attribute == 1, weights)
    lacking = _mean(1 - share, attribute == 0, weights)
    return {"having": having, "balanced": (having + lacking) / 2}


def _mean(values: metrics.Floats, chosen: NDArray[np.bool_], weights: metrics.Floats) -> metrics.Floats:
    return np.asarray((weights[:, chosen] @ values[chosen]) / weights[:, chosen].sum(axis=1), np.float64)


def summarise(mapped: Sequence[Mapped], faces: Faces, names: Sequence[str], seed: int) -> dict[str, Any]:
    """Sharing by method, space (code space or plane) and attribute, with 95 % intervals, as plain data.

    The other methods are compared with the first one, over the same resamples.
    """
    attributes = chosen_attributes(faces, names)
    # The first row weights all faces equally: it gives the estimate itself.
    once = np.full((1, len(faces)), 1 / len(faces))
    weights = np.concatenate([once, metrics.bootstrap_weights(len(faces), RESAMPLES, seed)])
    baseline = _estimates(mapped[0], attributes, names, weights)
    return {
        "seed": seed,
        "protocol": {
            "faces": len(faces),
            "names_sha256": faces.names_sha256,
            "k": K,
            "resamples": RESAMPLES,
            "pixel_components": PIXEL_COMPONENTS,
            "attributes": list(names),
        },
        "chance": {name: _chance(column) for name, column in zip(names, attributes.T, strict=True)},
        "baseline": mapped[0].method.key,
        "methods": [_summary(one, _estimates(one, attributes, names, weights), baseline) for one in mapped],
    }


Estimates = dict[str, dict[str, dict[str, metrics.Floats]]]


def _estimates(one: Mapped, attributes: NDArray[np.uint8], names: Sequence[str], weights: metrics.Floats) -> Estimates:
    spaces = {"codes": one.near, "plane": one.near_in_plane}
    return {
        space: {name: sharing(near[:, i], attributes[:, i], weights) for i, name in enumerate(names)}
        for space, near in spaces.items()
    }


def _summary(one: Mapped, estimates: Estimates, baseline: Estimates) -> dict[str, Any]:
    method = one.method
    shared = {
        space: {
            name: {
                measure: _score(values) | {"beyond_baseline": _score(values - baseline[space][name][measure])}
                for measure, values in measures.items()
            }
            for name, measures in by_name.items()
        }
        for space, by_name in estimates.items()
    }
    facts = {"key": method.key, "name": method.name, "code": method.code, "distance": method.distance}
    return facts | {"sharing": shared, "seconds": one.seconds}


def _score(values: metrics.Floats) -> dict[str, Any]:
    return {"mean": round(float(values[0]), 5), "interval": metrics.interval(values[1:])}


def _chance(attribute: NDArray[np.uint8]) -> dict[str, float]:
    """The expected sharing with a random other face."""
    total, having = len(attribute), int(attribute.sum())
    with_it, without = (having - 1) / (total - 1), (total - having - 1) / (total - 1)
    return {
        "share": round(having / total, 5),
        "having": round(with_it, 5),
        "balanced": round((with_it + without) / 2, 5),
    }


def chosen_attributes(faces: Faces, names: Sequence[str]) -> NDArray[np.uint8]:
    """The columns of these attributes: uint8 (n, len(names)).

    Raises InputError for an attribute without labels, or that fewer than two faces have or fewer than two lack.
    """
    missing = [name for name in names if name not in faces.attribute_names]
    if missing:
        raise InputError(f"the faces have no attribute {', '.join(missing)}: this benchmark needs it")
    chosen = faces.attributes[:, [faces.attribute_names.index(name) for name in names]]
    rare = [name for name, count in zip(names, chosen.sum(axis=0), strict=True) if not 2 <= count < len(faces) - 1]
    if rare:
        raise InputError(f"too few of these {len(faces)} faces differ in {', '.join(rare)}: more are needed")
    return chosen
