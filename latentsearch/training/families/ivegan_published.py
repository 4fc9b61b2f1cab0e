"""IVE-GAN's E and G as they are published: they take and return RGB images."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from latentsearch.training.datasets.digits import pad_digits, unpad_digits


class DigitEncoder(nn.Module):
    """E for RGB digits (n, 3, 28, 28) in [0, 1] -> codes (n, latent_size)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Encode a batch."""
        codes: Tensor = self.network(pad_digits(x))
        return codes


class NoiselessGenerator(nn.Module):
    """G(0, z): codes (n, latent_size) -> RGB images in [0, 1], digits without their padding; or points."""

    def __init__(self, network: nn.Module, noise_size: int, digits: bool) -> None:
        super().__init__()
        self.network, self.noise_size, self.digits = network, noise_size, digits

    def forward(self, z: Tensor) -> Tensor:
        """Generate a batch."""
        made: Tensor = self.network(F.pad(z, (self.noise_size, 0)))
        return unpad_digits(made) if self.digits else made
