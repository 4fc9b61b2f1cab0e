"""How realistic are generated images as a set? A Frechet distance over the features of a classifier trained here.

The formula is that of the FID (Heusel et al., 2017) but with other features: figures can be compared with each other on
one data set, never with an FID. The FID itself is measured if torch-fidelity and its Inception weights are present.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.datasets.image_sets import Pixels, Sets
from benchmarks.experiments.latent_size.classifier import Classifier, features
from benchmarks.experiments.latent_size.models import Model, Search
from benchmarks.judges.inverters import to_images, to_pixels
from benchmarks.judges.realism import frechet_distance

REFERENCE = 10_000
WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"  # the file that torch-fidelity downloads


def drawn_images(model: Model, images: Tensor, seed: int) -> Tensor:
    """As many images as given: new ones from a model with a prior, otherwise reconstructions of the given ones."""
    if model.encoder is None:
        return model.sample(len(images), seed)
    return model.reconstruct(images, Search(0, (), seed))


class Judge:
    """Distances from real training images, using one classifier."""

    def __init__(self, classifier: Classifier, sets: Sets, count: int, seed: int) -> None:
        """count: the number of images per distance."""
        self.classifier, self.seed = classifier, seed
        self.real = sets.train.some(REFERENCE, seed).images
        self.images = to_images(sets.validation.some(count, seed).images)
        self.reference = features(classifier, to_images(self.real))

    def measure(self, model: Model) -> dict[str, Any]:
        """The distance of the model's images, and the FID or the reason why it is missing."""
        drawn = drawn_images(model, self.images, self.seed)
        return {"distance": self.distance(drawn), "fid": fid(self.real, to_pixels(drawn))}

    def distance(self, images: Tensor) -> float:
        """The distance of images (n, 3, h, w)."""
        return round(frechet_distance(features(self.classifier, images), self.reference), 4)

    def floor(self) -> float:
        """The distance of real validation images, the lowest that generated ones can be expected to reach."""
        return self.distance(self.images)


def fid(real: Pixels, drawn: Pixels) -> float | str:
    """The Frechet Inception Distance by torch-fidelity, or a sentence saying what is missing to measure it."""
    if find_spec("torch_fidelity") is None:
        return "not measured: torch-fidelity is not installed"
    if not (Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS).exists():
        return f"not measured: {WEIGHTS} is not among torch.hub's checkpoints"
    import torch_fidelity

    measured = torch_fidelity.calculate_metrics(input1=Rows(real), input2=Rows(drawn), fid=True, verbose=False)
    return round(float(measured["frechet_inception_distance"]), 4)


class Rows(torch.utils.data.Dataset[Tensor]):
    """Images uint8 (n, h, w, 3), one at a time as torch-fidelity reads them: uint8 (3, h, w)."""

    def __init__(self, images: Pixels) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(self.images[index])).permute(2, 0, 1)
