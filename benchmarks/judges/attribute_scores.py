"""Accuracy and F1 of predicted attributes against requested or annotated ones (IcGAN, 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.datasets.celeba import Faces
from indexer.errors import InputError

# Predicted or requested attributes: bool (n, labels).
Seen = NDArray[np.bool_]
RESAMPLES = 1_000


def said_of(faces: Faces, labels: Sequence[str]) -> Seen:
    """The annotated attributes of faces, in the order of labels. Raises InputError if a label is missing."""
    missing = set(labels) - set(faces.attribute_names)
    if missing:
        raise InputError(f"the faces have no label {', '.join(sorted(missing))}")
    return np.asarray(faces.attributes[:, [faces.attribute_names.index(name) for name in labels]] == 1)


def scores(seen: Seen, asked: Seen, labels: Sequence[str], seed: int) -> dict[str, Any]:
    """Accuracy and F1, averaged over attributes as in Table 3, with 95 % bootstrap intervals over pictures.

    F1 is 0 for an attribute that is requested but never predicted correctly. by_label: the same per attribute, with the
    share of pictures for which it was requested.
    """
    weights = metrics.bootstrap_weights(len(seen), RESAMPLES, seed)
    whole = np.full((1, len(seen)), 1 / len(seen))
    accuracy, f1 = (_means(measure, seen, asked, whole)[0] for measure in (accuracies, f1_scores))
    return {
        "pictures": len(seen),
        "accuracy": _with_interval(accuracy, _means(accuracies, seen, asked, weights)),
        "f1": _with_interval(f1, _means(f1_scores, seen, asked, weights)),
        "by_label": {
            name: {
                "accuracy": round(float(accuracies(seen, asked, whole)[0, column]), 5),
                "f1": round(float(f1_scores(seen, asked, whole)[0, column]), 5),
                "asked": round(float(asked[:, column].mean()), 5),
            }
            for column, name in enumerate(labels)
        },
    }


def accuracies(seen: Seen, asked: Seen, weights: metrics.Floats) -> metrics.Floats:
    """The share of correct predictions per attribute: (r, labels), for each of r weightings (r, n) of pictures."""
    return np.asarray(weights @ (seen == asked))


def f1_scores(seen: Seen, asked: Seen, weights: metrics.Floats) -> metrics.Floats:
    """2 tp / (2 tp + fp + fn): (r, labels), for each of r weightings (r, n) of pictures."""
    true_positives, wrong = weights @ (seen & asked), weights @ (seen != asked)
    whole = 2 * true_positives + wrong
    return np.asarray(np.divide(2 * true_positives, whole, out=np.zeros_like(whole), where=whole > 0), np.float64)


def _means(measure: Any, seen: Seen, asked: Seen, weights: metrics.Floats) -> metrics.Floats:
    return np.asarray(measure(seen, asked, weights).mean(axis=1), np.float64)


def _with_interval(mean: float, resampled: metrics.Floats) -> dict[str, Any]:
    return {"mean": round(float(mean), 5), "interval": metrics.interval(resampled)}
