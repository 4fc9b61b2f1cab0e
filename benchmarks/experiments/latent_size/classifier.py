"""A small classifier of classes or attributes, trained here; its hidden features serve the Frechet distance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.datasets.image_sets import Sets, Split
from benchmarks.judges.inverters import in_blocks, to_images

FEATURES, BATCH, LEARNING_RATE = 64, 64, 1e-3
EXAMPLES, PASSES = 60_000, 20  # training examples, but at most this many passes


class Classifier(nn.Module):
    """Images float32 (n, 3, h, w) in [0, 1] -> one logit per class or attribute; `features` are (n, FEATURES).

    Three convolutions with stride 2 and two dense layers, a modern LeNet.
    """

    def __init__(self, side: int, outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(64 * math.ceil(side / 8) ** 2, FEATURES),
            nn.ReLU(inplace=True),
        )
        self.decide = nn.Linear(FEATURES, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.decide(self.features(x))
        return logits


def train(split: Split, seed: int) -> Classifier:
    """Train on classes (labels (n,)) or attributes (labels (n, a)) with cross-entropy; returned in eval mode."""
    attributes = split.labels.ndim == 2
    torch.manual_seed(seed)
    outputs = split.labels.shape[1] if attributes else int(split.labels.max()) + 1
    network = Classifier(split.images.shape[1], outputs)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    loss_of = nn.functional.binary_cross_entropy_with_logits if attributes else nn.functional.cross_entropy
    for rows in _batches(len(split), seed):
        wanted = torch.from_numpy(np.array(split.labels[rows]))
        loss = loss_of(network(to_images(split.images[rows])), wanted.float() if attributes else wanted.long())
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
    return network.eval().requires_grad_(False)


def _batches(count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    random, size = np.random.default_rng([seed, 3]), min(BATCH, count)
    for _ in range(min(max(1, EXAMPLES // count), PASSES)):
        yield from random.permutation(count)[: count - count % size].reshape(-1, size)


def trained_once(path: Path, sets: Sets, seed: int) -> Classifier:
    """The classifier of the training images; its weights are stored at the path."""
    outputs = sets.train.labels.shape[1] if sets.train.labels.ndim == 2 else int(sets.train.labels.max()) + 1
    if not path.exists():
        save_file(train(sets.train, seed).state_dict(), path)
    network = Classifier(sets.train.images.shape[1], outputs)
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False)


def accuracy(network: Classifier, split: Split) -> float:
    """The share of correct classes, or of correct attributes over all images."""
    logits = in_blocks(network, to_images(split.images))
    predicted = logits > 0 if split.labels.ndim == 2 else logits.argmax(1)
    return round(float((predicted.numpy() == split.labels).mean()), 5)


def features(network: Classifier, images: Tensor) -> NDArray[Any]:
    """The inputs of the last layer: float64 (n, FEATURES)."""
    read: NDArray[Any] = in_blocks(network.features, images).double().numpy()
    return read
