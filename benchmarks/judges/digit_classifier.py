"""A small digit classifier, trained here on the training split."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BATCH = 128
LEARNING_RATE = 1e-3


def train_classifier(images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int, epochs: int) -> nn.Module:
    """Train two convolutions and two dense layers on digits uint8 (n, 28, 28) with Adam; returned in eval mode."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128),
        nn.ReLU(inplace=True),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    )
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    random = np.random.default_rng([seed, 3])
    for _ in range(epochs):
        for rows in np.array_split(random.permutation(len(images)), max(1, len(images) // BATCH)):
            loss = nn.functional.cross_entropy(network(to_float(images[rows])), torch.from_numpy(labels[rows]))
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
    return network.eval()


@torch.no_grad()
def read(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The predicted digit of each picture uint8 (n, 28, 28): uint8 (n,)."""
    parts = [network(to_float(part)).argmax(1) for part in np.array_split(images, max(1, len(images) // 500))]
    return torch.cat(parts).numpy().astype(np.uint8)


def to_float(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (n, 28, 28) -> float32 (n, 1, 28, 28) in [0, 1]."""
    return torch.from_numpy(np.array(images))[:, None].float() / 255
