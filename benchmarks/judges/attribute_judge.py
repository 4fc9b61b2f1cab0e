"""Anet as a judge: predicts the attributes of pictures (IcGAN, 5.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from benchmarks.datasets.celeba import Faces
from benchmarks.judges.attribute_scores import Seen, said_of
from benchmarks.judges.inverters import in_blocks, to_images
from benchmarks.methods.learned import FACTS
from indexer.encoders.attributes import HOLDS
from indexer.errors import InputError
from latentsearch.training.engine.trained import load_trained


class AttributeJudge:
    """A run of `latentsearch train attributes`. labels: the attributes that it predicts.

    Raises InputError for a run that predicts no attributes.
    """

    def __init__(self, run: Path) -> None:
        trained, self.images = load_trained(run, terms="")
        if trained.attributes is None:
            raise InputError(f"{run} predicts no attributes: judge with a run of `latentsearch train attributes`")
        self.run, self.labels, self.framing = run, trained.labels, trained.framing
        self.facts = {"family": trained.family} | {fact: trained.facts.get(fact) for fact in FACTS}
        self._network = trained.attributes

    def sees(self, images: Tensor) -> Seen:
        """The attributes predicted for pictures float32 (n, 3, h, w) in [0, 1]."""
        return np.asarray(in_blocks(self._network, images).numpy() >= HOLDS)

    def sees_in(self, faces: Faces) -> Seen:
        """The attributes predicted for real faces."""
        return self.sees(to_images(faces.pixels(self.framing)))

    def asked_of(self, faces: Faces) -> Seen:
        """The annotated attributes of faces, in the order of labels. Raises InputError if a label is missing."""
        return said_of(faces, self.labels)
