"""Autoencoders, plain and variational, of the widths of the GANs that they are compared with.

Pictures: the encoder has the layers of AEGAN's Table 5, the decoder those of Table 3. Digits: those of E and G in
IVE-GAN's Table 2, without z'. Mirrored, of either and of CIFAR-10: those of WGAN-GP's critic and generator.

All take and give RGB images float32 (n, 3, h, w) in [0, 1]; codes are (n, latent_size).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from latentsearch.models import dcgan, ivegan, wgan

Layers = Callable[[Tensor], Tensor]


class Encoder(nn.Module):
    """RGB images -> codes (n, latent_size). `prepare` makes of images what the layers read and the decoder aims at."""

    def __init__(self, layers: nn.Module, prepare: Layers) -> None:
        super().__init__()
        self.layers, self.prepare = layers, prepare

    def forward(self, x: Tensor) -> Tensor:
        """Encode images in [0, 1]."""
        codes: Tensor = self.layers(self.prepare(x))
        return codes


class VariationalEncoder(Encoder):
    """q(z | x), a Gaussian with a diagonal covariance; its mean is the code of an image."""

    def forward(self, x: Tensor) -> Tensor:
        """The means: (n, latent_size)."""
        return self.distribution(x)[0]

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances, each (n, latent_size)."""
        mean, log_variance = super().forward(x).chunk(2, 1)
        return mean, log_variance


class Decoder(nn.Module):
    """Codes (n, latent_size) -> RGB images; `logits` are those of what the encoder prepares."""

    def __init__(self, layers: nn.Module, finish: Layers) -> None:
        super().__init__()
        self.layers, self.finish = layers, finish

    def logits(self, z: Tensor) -> Tensor:
        """Before the sigmoid: float32 (n, c, h, w)."""
        logits: Tensor = self.layers(z).float()
        return logits

    def forward(self, z: Tensor) -> Tensor:
        """Decode to RGB images in [0, 1]."""
        return self.finish(self.logits(z).sigmoid())


class MirroredDecoder(Decoder):
    """WGAN-GP's generator as a decoder: it ends in tanh, so there are no logits, and is compared before `finish`."""

    def draw(self, z: Tensor) -> Tensor:
        """What the decoder aims at, to be like what the encoder prepares: float32 (n, channels, size, size)."""
        drawn: Tensor = self.layers(z)
        return drawn

    def forward(self, z: Tensor) -> Tensor:
        """Decode to RGB images in [0, 1]."""
        return self.finish(self.draw(z))


def mirrored_networks(
    width: int, latent_size: int, variational: bool, prepare: Layers, finish: Layers, size: int, channels: int
) -> tuple[Encoder, MirroredDecoder]:
    """Table 1 of "Impact of the latent space …": the critic, ending in latent_size numbers, and the generator.

    prepare: RGB images in [0, 1] -> images (n, channels, size, size) in [-1, 1]; finish: the reverse.
    """
    reader = wgan.Reader(width, latent_size * 2 if variational else latent_size, size, channels)
    encoder = VariationalEncoder(reader, prepare) if variational else Encoder(reader, prepare)
    return encoder, MirroredDecoder(wgan.Generator(width, latent_size, size, channels), finish)


def picture_networks(width: int, latent_size: int, variational: bool) -> tuple[Encoder, Decoder]:
    """Tables 5 and 3 of AEGAN; a variational encoder's numbers are not bounded by Tanh."""
    reader = dcgan.InverseGenerator(width, latent_size * 2 if variational else latent_size)
    if variational:
        reader.codes[-1] = nn.Identity()
    encoder = VariationalEncoder(reader, _as_it_is) if variational else Encoder(reader, _as_it_is)
    return encoder, Decoder(dcgan.Generator(width, latent_size).logits, _as_it_is)


def digit_networks(
    width: int, latent_size: int, variational: bool, prepare: Layers, finish: Layers
) -> tuple[Encoder, Decoder]:
    """E and G of IVE-GAN's Table 2; a variational encoder's numbers are not bounded by Tanh.

    prepare: RGB digits (n, 3, 28, 28) -> grey ones (n, 1, 32, 32); finish: the reverse.
    """
    reader = ivegan.digit_networks(width, latent_size * 2 if variational else latent_size)["encoder"]
    generator = ivegan.digit_networks(width, latent_size, noise_size=0)["generator"]
    assert isinstance(reader, ivegan.Reader) and isinstance(generator, ivegan.Generator)
    if variational:
        reader.layers[-1] = next(reader.layers[-1].children())
    encoder = VariationalEncoder(reader, prepare) if variational else Encoder(reader, prepare)
    return encoder, Decoder(generator.layers, finish)


def _as_it_is(x: Tensor) -> Tensor:
    return x
