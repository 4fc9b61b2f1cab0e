"""IVE-GAN's networks, from its Tables 1 (ring), 2 (digits) and 3 (pictures): one line per layer.

Pictures are float32 (n, channels, size, size) in [0, 1], points float32 (n, 2); codes z are (n, latent_size) in
(-1, 1), noise z' is (n, noise_size). `width` is the first layer's width, 128 in Tables 1 and 3 and 64 in Table 2; the
other widths are multiples of it.

Where the tables contradict the text or each other, this code chooses:

- E outputs latent_size numbers. Table 1 prints 2 although z has 3. Table 2 prints 1024 for E and 3 for D_enc: the code
  exchanges them.
- D and D' end in a linear layer and return logits; the loss contains the sigmoid. Table 1 prints Tanh, Tables 2 and 3
  linear.
- Table 1 has no D_enc: points are their own features, and `ring_networks` builds none.
- Table 2 decodes to 32x32 but MNIST is 28x28: digits are padded to 32x32.
- The 2x2 convolutions with stride 1 are unpadded and reduce 2x2 to 1x1.
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
        """Encode a batch; pictures are rescaled to [-1, 1] first."""
        read: Tensor = self.layers(x * 2 - 1 if self.pictures else x).float()
        return read


class Generator(nn.Module):
    """G(z', z): noise (n, noise_size) and codes (n, latent_size) -> pictures or points.

    `ending` is the last activation, tanh for points and sigmoid for pictures.
    """

    def __init__(self, layers: nn.Sequential, ending: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers, self.ending = layers, ending
        initialise_by_activation(self)

    def forward(self, *noise_and_codes: Tensor) -> Tensor:
        """Generate a batch from z' and z, concatenated in this order."""
        return self.ending(self.layers(torch.cat(noise_and_codes, 1)).float())


class Discriminator(nn.Module):
    """D on the features of two inputs or D' on those of one, each (n, d) -> logits (n,).

    compares: whether D also reads the features' distances and products (`compared`).
    """

    def __init__(self, layers: nn.Sequential, compares: bool = False) -> None:
        super().__init__()
        self.layers, self.compares = layers, compares
        initialise_by_activation(self)

    def forward(self, *features: Tensor) -> Tensor:
        """Return logits for concatenated features; above 0 means real."""
        read = compared(*features) if self.compares else torch.cat(features, 1)
        logits: Tensor = self.layers(read).float().squeeze(1)
        return logits


def compared(first: Tensor, second: Tensor) -> Tensor:
    """Concatenate the features of two inputs, (n, d) each, their distances and their products: (n, 4d)."""
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
    """Build Table 1's E, G, D and D' for points.

    sharpness: factor of `sharpen` for E and G; D and D' have their own. compares: whether D also reads the distances
    and products of two points (`compared`). depth: number of hidden layers in G, D and D'.
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
    """Multiply the first dense layer's weights by a factor and draw its biases; a factor of 1 changes nothing.

    Biases are drawn from U(-1, 1) times the mean norm of the units' new weights.

    With Xavier weights, tanh units vary over the whole plane and cannot resolve a Gaussian with a standard deviation of
    0.015. Larger weights make the units steep, and the biases distribute the steps over the input.
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
    """Build Table 2's E, G, D_enc, D and D' for digits (n, 1, 32, 32).

    compares: whether D also reads the distances and products of two digits' features (`compared`). spectral: whether
    D_enc, D and D' use spectral normalisation (Miyato et al., 2018) instead of D_enc's batch normalisation.
    """
    # The order of construction fixes the initial weights for a seed: keep it, so that old runs can be reproduced.
    generator = _digit_generator(width, latent_size, noise_size)
    judges = _digit_judges(width, compares, spectral)
    encoder = _digit_reader(width, dense(width * 4, latent_size, nn.Tanh()))
    return {"encoder": Reader(encoder, pictures=True), "generator": Generator(generator, torch.sigmoid), **judges}


def _digit_reader(width: int, last: nn.Sequential, normalise: bool = True) -> nn.Sequential:
    """Build the layers of E or D_enc, which differ only in the last one."""
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
    """Build D_enc, D and D'."""
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
    """Apply spectral normalisation to all convolutions and dense layers of a network."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)


def picture_networks(
    width: int = 128, latent_size: int = 1024, noise_size: int = 16, size: int = 128, normalised: bool = True
) -> dict[str, nn.Module]:
    """Build Table 3's E, G, D_enc, D and D' for pictures (n, 3, size, size).

    At size 64 there is one stage fewer: E and D_enc lack the table's second line, G its seventh and eighth transposed
    convolutions. normalised: whether D_enc has batch normalisation.
    """
    large = size == 128
    # The order of construction fixes the initial weights for a seed: keep it, so that old runs can be reproduced.
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
    encoder = _picture_reader(width, encoder_end, large)
    features = _picture_reader(width, dense(width * 8, width * 8, leaky()), large, normalised)
    return {
        "encoder": Reader(encoder, pictures=True),
        "generator": Generator(generator, torch.sigmoid),
        "features": Reader(features, pictures=True),
        "discriminator": Discriminator(discriminator),
        "prior_discriminator": Discriminator(prior_discriminator),
    }


def _picture_reader(width: int, last: nn.Sequential, large: bool, normalise: bool = True) -> nn.Sequential:
    """Build the layers of E or D_enc, which differ in the last one and in batch normalisation."""

    def line(before: int, after: int, kernel: int, stride: int = 2) -> nn.Sequential:
        return convolution(before, after, leaky(), kernel, stride, normalise)

    return nn.Sequential(
        line(3, width, kernel=5),
        *([line(width, width, kernel=5)] if large else []),
        line(width, width * 2, kernel=5),
        line(width * 2, width * 2, kernel=3),
        line(width * 2, width * 4, kernel=3),
        line(width * 4, width * 4, kernel=3),
        line(width * 4, width * 8, kernel=2, stride=1),
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
