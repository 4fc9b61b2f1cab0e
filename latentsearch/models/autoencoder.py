"""Plain and variational autoencoders with the layers and widths of the GANs that they are compared with.

- Pictures: the encoder is AEGAN's Table 5, the decoder its Table 3.
- Digits: encoder and decoder are E and G of IVE-GAN's Table 2, without z'.
- Mirrored (pictures, digits and CIFAR-10): encoder and decoder are WGAN-GP's critic and generator.

Images are RGB float32 (n, 3, h, w) in [0, 1]; codes are (n, latent_size).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from latentsearch.models import dcgan, ivegan, wgan

Layers = Callable[[Tensor], Tensor]


class Encoder(nn.Module):
    """RGB images -> codes (n, latent_size).

    `prepare` maps the images to the layers' input, which is also the decoder's target.
    """

    def __init__(self, layers: nn.Module, prepare: Layers) -> None:
        super().__init__()
        self.layers, self.prepare = layers, prepare

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (n, 3, h, w) in [0, 1] to codes (n, latent_size)."""
        codes: Tensor = self.layers(self.prepare(x))
        return codes


class VariationalEncoder(Encoder):
    """q(z | x), a Gaussian with diagonal covariance; the code of an image is its mean."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the means (n, latent_size)."""
        return self.distribution(x)[0]

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means and the log variances, each (n, latent_size)."""
        mean, log_variance = super().forward(x).chunk(2, 1)
        return mean, log_variance


class Decoder(nn.Module):
    """Codes (n, latent_size) -> RGB images; `finish` reverses the encoder's `prepare`."""

    def __init__(self, layers: nn.Module, finish: Layers) -> None:
        super().__init__()
        self.layers, self.finish = layers, finish

    def logits(self, z: Tensor) -> Tensor:
        """Return the logits of the prepared images, float32 (n, c, h, w)."""
        logits: Tensor = self.layers(z).float()
        return logits

    def forward(self, z: Tensor) -> Tensor:
        """Decode to RGB images in [0, 1]."""
        return self.finish(self.logits(z).sigmoid())


class MirroredDecoder(Decoder):
    """WGAN-GP's generator as a decoder: it ends in tanh instead of logits, and the loss applies to `draw`'s output."""

    def draw(self, z: Tensor) -> Tensor:
        """Reconstruct the prepared images: float32 (n, channels, size, size) in [-1, 1]."""
        drawn: Tensor = self.layers(z)
        return drawn

    def forward(self, z: Tensor) -> Tensor:
        """Decode to RGB images in [0, 1]."""
        return self.finish(self.draw(z))


def mirrored_networks(
    width: int, latent_size: int, variational: bool, prepare: Layers, finish: Layers, size: int, channels: int
) -> tuple[Encoder, MirroredDecoder]:
    """Build the critic, with latent_size outputs, and the generator of "Impact of the latent space …", Table 1.

    prepare: RGB images in [0, 1] -> images (n, channels, size, size) in [-1, 1]; finish: the reverse.
    """
    reader = wgan.Reader(width, latent_size * 2 if variational else latent_size, size, channels)
    encoder = VariationalEncoder(reader, prepare) if variational else Encoder(reader, prepare)
    return encoder, MirroredDecoder(wgan.Generator(width, latent_size, size, channels), finish)


def picture_networks(width: int, latent_size: int, variational: bool) -> tuple[Encoder, Decoder]:
    """Build AEGAN's Tables 5 and 3; a variational encoder has no final Tanh, as its outputs are unbounded."""
    reader = dcgan.InverseGenerator(width, latent_size * 2 if variational else latent_size)
    if variational:
        reader.codes[-1] = nn.Identity()
    encoder = VariationalEncoder(reader, _identity) if variational else Encoder(reader, _identity)
    return encoder, Decoder(dcgan.Generator(width, latent_size).logits, _identity)


def digit_networks(
    width: int, latent_size: int, variational: bool, prepare: Layers, finish: Layers
) -> tuple[Encoder, Decoder]:
    """Build E and G of IVE-GAN's Table 2; a variational encoder has no final Tanh, as its outputs are unbounded.

    prepare: RGB digits (n, 3, 28, 28) -> grey ones (n, 1, 32, 32); finish: the reverse.
    """
    reader = ivegan.digit_networks(width, latent_size * 2 if variational else latent_size)["encoder"]
    generator = ivegan.digit_networks(width, latent_size, noise_size=0)["generator"]
    assert isinstance(reader, ivegan.Reader) and isinstance(generator, ivegan.Generator)
    if variational:
        reader.layers[-1] = next(reader.layers[-1].children())
    encoder = VariationalEncoder(reader, prepare) if variational else Encoder(reader, prepare)
    return encoder, Decoder(generator.layers, finish)


def _identity(x: Tensor) -> Tensor:
    return x
