"""IVE-GAN's networks, read as its Tables 1 (ring), 2 (digits) and 3 (pictures): one line a layer.

Pictures are float32 (n, channels, size, size) in [0, 1], points float32 (n, 2); codes z are (n, latent_size) in
(-1, 1), noise z' is (n, noise_size). `width` is the first layer's, 128 in Tables 1 and 3, 64 in Table 2; all others
follow it.

Where the tables contradict the text or themselves:

- E ends in z's size. Table 1 prints 2, z's size is 3; Table 2 prints 1024 and gives z's 3 to D_enc: exchanged here.
- D and D' end linear: they return logits and the loss has the sigmoid. Table 1 prints Tanh, Tables 2 and 3 linear.
- Table 1 has no D_enc: points are their own features, and `ring_networks` makes none.
- Table 2 decodes to 32x32 where MNIST has 28x28: digits are padded to 32x32.
- Conv 2x2 with stride 1 is not padded: it takes the 2x2 that is left to 1x1.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from latentsearch.models.layers import (
    Unflatten,
    convolution,
    deconvolution,
    dense,
    initialise_by_activation,
    last_deconvolution,
    leaky,
)

DIGIT_SIZE, PICTURE_SIZES = 32, (64, 128)


class Reader(nn.Module):
    """E or D_enc: pictures in [0, 1] or points -> codes or features (n, d)."""

    def __init__(self, layers: nn.Sequential, pictures: bool) -> None:
        super().__init__()
        self.layers, self.pictures = layers, pictures
        initialise_by_activation(self)

    def forward(self, x: Tensor) -> Tensor:
        """Read one batch; pictures are centred first."""
        read: Tensor = self.layers(x * 2 - 1 if self.pictures else x).float()
        return read


class Generator(nn.Module):
    """G(z', z): noise (n, noise_size) and codes (n, latent_size) -> pictures or points, through `ending`."""

    def __init__(self, layers: nn.Sequential, ending: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers, self.ending = layers, ending
        initialise_by_activation(self)

    def forward(self, *noise_and_codes: Tensor) -> Tensor:
        """Generate one batch from z' and z, which are concatenated in this order."""
        return self.ending(self.layers(torch.cat(noise_and_codes, 1)).float())


class Discriminator(nn.Module):
    """D on features of two (n, 2d), D' on those of one (n, d) -> logits (n,); `compares` as `compared` has it."""

    def __init__(self, layers: nn.Sequential, compares: bool = False) -> None:
        super().__init__()
        self.layers, self.compares = layers, compares
        initialise_by_activation(self)

    def forward(self, *features: Tensor) -> Tensor:
        """Judge a batch by its features, concatenated: above 0 means real."""
        read = compared(*features) if self.compares else torch.cat(features, 1)
        logits: Tensor = self.layers(read).float().squeeze(1)
        return logits


def compared(first: Tensor, second: Tensor) -> Tensor:
    """Features of two, their distances and their products: (n, d) each -> (n, 4d)."""
    return torch.cat([first, second, (first - second).abs(), first * second], 1)


def ring_networks(
    width: int = 128,
    latent_size: int = 3,
    noise_size: int = 4,
    sharpness: float = 1.0,
    discriminator_sharpness: float = 1.0,
    prior_sharpness: float = 1.0,
    compares: bool = False,
    depth: int = 1,
) -> dict[str, nn.Module]:
    """Table 1: E, G, D and D' for points: E and G sharpened by `sharpness`, D and D' by one factor each.

    compares: whether D also reads how two points differ; depth: how many hidden layers G, D and D' have.
    """

    def hidden(size: int) -> list[nn.Module]:
        sizes = [size, *[width] * depth]
        return [dense(before, after, nn.Tanh()) for before, after in pairwise(sizes)]

    encoder = nn.Sequential(dense(2, width, nn.Tanh()), dense(width, latent_size, nn.Tanh()))
    generator = nn.Sequential(*hidden(noise_size + latent_size), dense(width, 2))
    discriminator = nn.Sequential(*hidden((4 if compares else 2) * 2), dense(width, 1))
    prior_discriminator = nn.Sequential(*hidden(2), dense(width, 1))
    networks: dict[str, nn.Module] = {
        "encoder": Reader(encoder, pictures=False),
        "generator": Generator(generator, torch.tanh),
        "discriminator": Discriminator(discriminator, compares),
        "prior_discriminator": Discriminator(prior_discriminator),
    }
    factors = {"discriminator": discriminator_sharpness, "prior_discriminator": prior_sharpness}
    for name, network in networks.items():
        sharpen(network, factors.get(name, sharpness))
    return networks


def sharpen(network: nn.Module, factor: float) -> None:
    """Multiply the first layer's weights by a factor, and spread its steps over the input: biases U(-1, 1) times it.

    Tanh units of Xavier's weights change over the whole plane, so that none sees a Gaussian of 0.015.
    """
    if factor != 1:
        first = next(layer for layer in network.modules() if isinstance(layer, nn.Linear))
        with torch.no_grad():
            first.weight.mul_(factor)
            first.bias.uniform_(-1, 1).mul_(first.weight.norm(dim=1).mean())


def digit_networks(
    width: int = 64,
    latent_size: int = 3,
    noise_size: int = 4,
    compares: bool = False,
    spectral: bool = False,
) -> dict[str, nn.Module]:
    """Table 2: E, G, D_enc, D and D' for digits (n, 1, 32, 32).

    compares: whether D also reads how two differ; spectral: whether D_enc, D and D' have spectral normalisation (Miyato
    et al., 2018) instead of D_enc's batch normalisation.
    """
    # Layers are made in this order, and so draw the same initial weights from a seed as in every run before.
    generator = _digit_generator(width, latent_size, noise_size)
    judges = _digit_judges(width, compares, spectral)
    encoder = _digit_reader(width, dense(width * 4, latent_size, nn.Tanh()))
    return {"encoder": Reader(encoder, pictures=True), "generator": Generator(generator, torch.sigmoid), **judges}


def _digit_reader(width: int, last: nn.Sequential, normalise: bool = True) -> nn.Sequential:
    """The layers of E and of D_enc, which differ in the last."""
    return nn.Sequential(
        convolution(1, width, leaky(), kernel=5, stride=2, normalise=normalise),
        convolution(width, width * 2, leaky(), kernel=3, stride=2, normalise=normalise),
        convolution(width * 2, width * 4, leaky(), kernel=3, stride=2, normalise=normalise),
        convolution(width * 4, width * 4, leaky(), kernel=3, stride=2, normalise=normalise),
        convolution(width * 4, width * 4, leaky(), kernel=2, stride=1, normalise=normalise),
        nn.Flatten(),
        last,
    )


def _digit_generator(width: int, latent_size: int, noise_size: int) -> nn.Sequential:
    return nn.Sequential(
        dense(noise_size + latent_size, 4 * 4 * width * 4, leaky(), normalise=True),
        Unflatten(width * 4, 4),
        deconvolution(width * 4, width * 4, leaky(), kernel=3, stride=2),
        deconvolution(width * 4, width * 2, leaky(), kernel=3, stride=2),
        deconvolution(width * 2, width, leaky(), kernel=5, stride=2, normalise=False),
        last_deconvolution(width, 1, kernel=5, stride=1),
    )


def _digit_judges(width: int, compares: bool, spectral: bool) -> dict[str, nn.Module]:
    """D_enc, D and D'."""
    discriminator = nn.Sequential(
        dense((4 if compares else 2) * width * 16, width * 2, leaky()),
        dense(width * 2, width, leaky()),
        dense(width, _part(width, 4), leaky()),
        dense(_part(width, 4), 1),
    )
    prior_discriminator = nn.Sequential(
        dense(width * 16, width, leaky()),
        dense(width, 1),
    )
    features = _digit_reader(width, dense(width * 4, width * 16, leaky()), normalise=not spectral)
    judges: dict[str, nn.Module] = {
        "features": Reader(features, pictures=True),
        "discriminator": Discriminator(discriminator, compares),
        "prior_discriminator": Discriminator(prior_discriminator),
    }
    if spectral:
        for network in judges.values():
            bound(network)
    return judges


def bound(network: nn.Module) -> None:
    """Let no layer of a network stretch its input: spectral normalisation of all weights."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)


def picture_networks(
    width: int = 128, latent_size: int = 1024, noise_size: int = 16, size: int = 128
) -> dict[str, nn.Module]:
    """Table 3: E, G, D_enc, D and D' for pictures (n, 3, size, size).

    At size 64 there is one stage fewer: E and D_enc are without the table's second line, G without its seventh and
    eighth transposed convolutions.
    """
    large = size == 128
    # Layers are made in this order, and so draw the same initial weights from a seed as in every run before.
    generator = _picture_generator(width, latent_size, noise_size, large)
    discriminator = nn.Sequential(
        dense(2 * width * 8, width * 8, leaky()),
        dense(width * 8, width * 4, leaky()),
        dense(width * 4, width, leaky()),
        dense(width, 1),
    )
    prior_discriminator = nn.Sequential(
        dense(width * 8, width, leaky()),
        dense(width, 1),
    )
    encoder_end = dense(width * 8, latent_size, nn.Tanh())
    return {
        "encoder": Reader(_picture_reader(width, encoder_end, large), pictures=True),
        "generator": Generator(generator, torch.sigmoid),
        "features": Reader(_picture_reader(width, dense(width * 8, width * 8, leaky()), large), pictures=True),
        "discriminator": Discriminator(discriminator),
        "prior_discriminator": Discriminator(prior_discriminator),
    }


def _picture_reader(width: int, last: nn.Sequential, large: bool) -> nn.Sequential:
    """The layers of E and of D_enc, which differ in the last."""
    return nn.Sequential(
        convolution(3, width, leaky(), kernel=5, stride=2),
        *([convolution(width, width, leaky(), kernel=5, stride=2)] if large else []),
        convolution(width, width * 2, leaky(), kernel=5, stride=2),
        convolution(width * 2, width * 2, leaky(), kernel=3, stride=2),
        convolution(width * 2, width * 4, leaky(), kernel=3, stride=2),
        convolution(width * 4, width * 4, leaky(), kernel=3, stride=2),
        convolution(width * 4, width * 8, leaky(), kernel=2, stride=1),
        nn.Flatten(),
        last,
    )


def _picture_generator(width: int, latent_size: int, noise_size: int, large: bool) -> nn.Sequential:
    seventh = deconvolution(width * 2, width, leaky(), kernel=5, stride=2)
    eighth = deconvolution(width, width, leaky(), kernel=5, stride=1)
    return nn.Sequential(
        dense(noise_size + latent_size, 2 * 2 * width * 8, leaky(), normalise=True),
        Unflatten(width * 8, 2),
        deconvolution(width * 8, width * 4, leaky(), kernel=2, stride=2),
        deconvolution(width * 4, width * 4, leaky(), kernel=2, stride=1),
        deconvolution(width * 4, width * 2, leaky(), kernel=3, stride=2),
        deconvolution(width * 2, width * 2, leaky(), kernel=3, stride=1),
        deconvolution(width * 2, width * 2, leaky(), kernel=3, stride=2),
        deconvolution(width * 2, width * 2, leaky(), kernel=3, stride=1),
        *([seventh, eighth] if large else []),
        deconvolution(width if large else width * 2, width, leaky(), kernel=5, stride=2),
        deconvolution(width, width, leaky(), kernel=5, stride=1, normalise=False),
        deconvolution(width, _part(width, 2), leaky(), kernel=5, stride=2, normalise=False),
        last_deconvolution(_part(width, 2), 3, kernel=5, stride=1),
    )


def _part(width: int, divisor: int) -> int:
    return max(width // divisor, 1)
