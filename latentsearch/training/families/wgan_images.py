"""Convert RGB images in [0, 1] to the input of the networks in latentsearch.models.wgan, and back.

Images are 64x64 for "pictures", 32x32 for "cifar10" and 28x28 for "digits"; the networks see digits in grey, padded to
32x32.
"""

from __future__ import annotations

from torch import Tensor, nn

from indexer.encoders.framing import CELEBA, Framing
from latentsearch.training.datasets.digits import pad_digits, unpad_digits

FRAMINGS = {"pictures": CELEBA, "cifar10": Framing(32, 32), "digits": Framing(28, 28)}
SIZES = {"pictures": (64, 3), "cifar10": (32, 3), "digits": (32, 1)}  # pixels of a side, channels


class ToNetwork(nn.Module):
    """RGB images (n, 3, h, w) in [0, 1] -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, data: str) -> None:
        super().__init__()
        self.digits = data == "digits"

    def forward(self, x: Tensor) -> Tensor:
        """Convert a batch."""
        return (pad_digits(x) if self.digits else x) * 2 - 1


class FromNetwork(ToNetwork):
    """Images (n, channels, size, size) in [-1, 1] -> RGB images (n, 3, h, w) in [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        """Convert a batch."""
        images = (x + 1) / 2
        return unpad_digits(images) if self.digits else images
