"""Anet as a judge: which attributes it sees in pictures, and how well that fits what was asked for (IcGAN, 5.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import metrics
from benchmarks.celeba import Faces
from benchmarks.inverters import in_blocks, to_images
from benchmarks.learned import FACTS
from indexer.attributes import HOLDS
from indexer.errors import InputError
from latentsearch.training.finished import load_trained

# What is seen, or asked for: bool (n, labels).
Seen = NDArray[np.bool_]
RESAMPLES = 1_000


class AttributeJudge:
    """A run of `latentsearch train attributes`. labels: the names of what it sees.

    Raises InputError for a run that tells no attributes.
    """

    def __init__(self, run: Path) -> None:
        trained, self.images = load_trained(run, terms="")
        if trained.attributes is None:
            raise InputError(f"{run} tells no attributes: judge with a run of `latentsearch train attributes`")
        self.run, self.labels, self.framing = run, trained.labels, trained.framing
        self.facts = {"family": trained.family} | {fact: trained.facts.get(fact) for fact in FACTS}
        self._network = trained.attributes

    def sees(self, images: Tensor) -> Seen:
        """What pictures float32 (n, 3, h, w) in [0, 1] show."""
        return np.asarray(in_blocks(self._network, images).numpy() >= HOLDS)

    def sees_in(self, faces: Faces) -> Seen:
        """What real faces show."""
        return self.sees(to_images(faces.pixels(self.framing)))

    def asked_of(self, faces: Faces) -> Seen:
        """What people say of faces, label by label. Raises InputError where they say nothing of one."""
        missing = set(self.labels) - set(faces.attribute_names)
        if missing:
            raise InputError(f"the faces have no label {', '.join(sorted(missing))}")
        columns = [faces.attribute_names.index(name) for name in self.labels]
        return np.asarray(faces.attributes[:, columns] == 1)


def scores(seen: Seen, asked: Seen, labels: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Accuracy and F1, means over attributes as in Table 3, with 95 % intervals by bootstrap over pictures.

    F1 is 0 for an attribute that is asked for and never rightly seen. by_label: the same for each, and how often it was
    asked for.
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
    """How often an attribute is seen as it was asked for: (r, labels), for each of r weightings (r, n) of pictures."""
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
