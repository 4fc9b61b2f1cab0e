"""AEGAN's networks: a DCGAN's generator and discriminator, and the inverse generator (AEGAN, Tables 3 to 5).

Images are float32 (n, 3, 64, 64) in [0, 1]; codes are float32 (n, latent_size) in [-1, 1]. `width` is the tables' 64.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from latentsearch.models.layers import (
    Unflatten,
    convolution,
    deconvolution,
    initialise,
    initialise_by_activation,
    last_deconvolution,
)

SLOPE = 0.2  # DCGAN's value; AEGAN does not state one
IMAGE_SIZE = 64
LAST_SIZE = 4


class Generator(nn.Module):
    """G, Table 3: codes (n, latent_size) -> images (n, 3, 64, 64); `logits` are the layers without the sigmoid."""

    def __init__(self, width: int = 64, latent_size: int = 100) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.logits = nn.Sequential(
            nn.Linear(latent_size, LAST_SIZE * LAST_SIZE * width * 8, bias=False),
            Unflatten(width * 8, LAST_SIZE),
            nn.BatchNorm2d(width * 8),
            nn.ReLU(inplace=True),
            deconvolution(width * 8, width * 4),
            deconvolution(width * 4, width * 2),
            deconvolution(width * 2, width),
            last_deconvolution(width, 3),
        )
        initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images in [0, 1] from codes."""
        images: Tensor = self.logits(z).float().sigmoid()
        return images


class Discriminator(nn.Module):
    """D, Table 4: images (n, 3, 64, 64) -> logits (n,); the loss contains the table's sigmoid.

    normalised: False leaves out the table's batch normalisation, which couples the pictures of a batch and so has no
    gradient penalty of its own for each.
    """

    def __init__(self, width: int = 64, normalised: bool = True) -> None:
        super().__init__()
        channels = (3, width, width * 2, width * 4, width * 8)
        self.logits = nn.Sequential(
            *(
                convolution(before, after, nn.LeakyReLU(SLOPE, inplace=True), normalise=normalised)
                for before, after in pairwise(channels)
            ),
            nn.Flatten(),
            nn.Linear(LAST_SIZE * LAST_SIZE * width * 8, 1),
        )
        # Without normalisation, DCGAN's small weights would shrink the signal from layer to layer.
        (initialise if normalised else initialise_by_activation)(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits for images in [0, 1]; above 0 means real."""
        logits: Tensor = self.logits(x * 2 - 1).float().squeeze(1)
        return logits


class InverseGenerator(nn.Module):
    """IG, Table 5: images (n, 3, 64, 64) -> codes (n, latent_size) in (-1, 1)."""

    def __init__(self, width: int = 64, latent_size: int = 100) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.codes = nn.Sequential(
            convolution(3, width, nn.ReLU(inplace=True)),
            convolution(width, width * 2, nn.ReLU(inplace=True)),
            convolution(width * 2, width * 4, nn.ReLU(inplace=True)),
            convolution(width * 4, width * 8, nn.ReLU(inplace=True)),
            nn.Flatten(),
            nn.Linear(LAST_SIZE * LAST_SIZE * width * 8, latent_size),
            nn.Tanh(),
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images in [0, 1]."""
        codes: Tensor = self.codes(x * 2 - 1).float()
        return codes

    def shrink_last_layer(self) -> None:
        """Scale the last layer's weights to a tenth: its 8,192 inputs would otherwise saturate half of the Tanh."""
        last = self.codes[-2]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.mul_(0.1)
