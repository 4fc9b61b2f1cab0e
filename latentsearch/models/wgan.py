"""The networks of "Impact of the latent space on the ability of GANs to fit the distribution", Table 1: a line a layer.

Images are float32 (n, channels, size, size) in [-1, 1], codes (n, latent_size). `width` is the number of channels
before the generator's last convolution, 128 in the table; the other widths are multiples of it. At size 32, as for the
paper's CIFAR-10, there is one stage fewer and the widest layers have 8 times the width instead of 16. All convolutions
have 5x5 kernels.

The table states neither the negative slope of LReLU (here DCGAN's 0.2) nor the stride of SConv2D (here 2).
"""

from __future__ import annotations

from torch import Tensor, nn

from latentsearch.models.layers import Unflatten, convolution, dense, initialise_by_glorot, leaky, resize

SIZES = (32, 64)
LAST_SIZE = 4


class Generator(nn.Module):
    """G, also the autoencoder's decoder: codes (n, latent_size) -> images in [-1, 1]."""

    def __init__(self, width: int, latent_size: int, size: int, channels: int) -> None:
        super().__init__()
        top = width * size // LAST_SIZE
        self.layers = nn.Sequential(
            nn.Linear(latent_size, LAST_SIZE * LAST_SIZE * top, bias=False),
            Unflatten(top, LAST_SIZE),
            nn.BatchNorm2d(top),
            nn.ReLU(inplace=True),
            *([resize(), _convolution(width * 16, width * 8)] if size == 64 else []),
            *(resize(), _convolution(width * 8, width * 4)),
            *(resize(), _convolution(width * 4, width * 2)),
            *(resize(), _convolution(width * 2, width)),
            convolution(width, channels, nn.Tanh(), stride=1, normalise=False),
        )
        initialise_by_glorot(self)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images from codes."""
        images: Tensor = self.layers(z).float()
        return images


class Reader(nn.Module):
    """The critic (one output) or the autoencoder's encoder (latent_size outputs).

    Images in [-1, 1] -> float32 (n, numbers). There is no batch normalisation, because WGAN-GP's gradient penalty is
    defined per image.
    """

    def __init__(self, width: int, numbers: int, size: int, channels: int) -> None:
        super().__init__()
        top = width * size // LAST_SIZE
        self.layers = nn.Sequential(
            *(_strided(channels, width * 2), _kept(width * 2)),
            *(_strided(width * 2, width * 4), _kept(width * 4)),
            *(_strided(width * 4, width * 8), _kept(width * 8)),
            *([_strided(width * 8, width * 16), _kept(width * 16)] if size == 64 else []),
            nn.Flatten(),
            dense(LAST_SIZE * LAST_SIZE * top, numbers),
        )
        initialise_by_glorot(self)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs for images."""
        read: Tensor = self.layers(x).float()
        return read


def _convolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """Conv2D/BN/ReLU."""
    return convolution(channels_in, channels_out, nn.ReLU(inplace=True), stride=1)


def _strided(channels_in: int, channels_out: int) -> nn.Sequential:
    """SConv2D/LReLU."""
    return convolution(channels_in, channels_out, leaky(), stride=2, normalise=False)


def _kept(channels: int) -> nn.Sequential:
    """Conv2D/LReLU with equal numbers of input and output channels."""
    return convolution(channels, channels, leaky(), stride=1, normalise=False)
