"""The networks of contrastive codes: an encoder that tracks its codes' mean and covariance, a generator, a projection.

Pictures: the encoder has the convolutions of AEGAN's Table 5, the generator those of Table 3. Digits: E and G of
IVE-GAN's Table 2. Images are RGB float32 (n, 3, h, w) in [0, 1]. Codes are (n, latent_size) with mean 0 and variance 1
in every dimension: instead of AEGAN's Tanh, the last layer is linear and standardised by batch normalisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentsearch.models import autoencoder
from latentsearch.models.autoencoder import Decoder, Layers
from latentsearch.models.dcgan import InverseGenerator
from latentsearch.models.ivegan import Reader
from latentsearch.models.whitening import PrincipalAxes

MOMENTUM = 0.01  # weight of the newest batch in the running mean and covariance


class Encoder(nn.Module):
    """Images -> codes (n, latent_size); `follow` updates the running mean and covariance of the codes.

    `prepare` maps the images to the reader's input, which is also the generator's target.
    """

    mean: Tensor
    covariance: Tensor

    def __init__(self, reader: nn.Module, prepare: Layers, latent_size: int) -> None:
        super().__init__()
        self.reader, self.prepare = reader, prepare
        self.standardise = nn.BatchNorm1d(latent_size, affine=False)
        self.register_buffer("mean", torch.zeros(latent_size))
        self.register_buffer("covariance", torch.eye(latent_size))

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (n, 3, h, w) to codes float32 (n, latent_size)."""
        codes: Tensor = self.standardise(self.reader(self.prepare(x)).float())
        return codes

    @torch.no_grad()
    def follow(self, codes: Tensor) -> None:
        """Update the running mean and covariance with a batch of codes (n, latent_size)."""
        mean = codes.mean(0)
        self.mean.lerp_(mean, MOMENTUM)
        self.covariance.lerp_((codes - mean).T @ (codes - mean) / (len(codes) - 1), MOMENTUM)


class Features(nn.Module):
    """The encoder without its last layer: images -> features (n, f)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.prepare, reader = encoder.prepare, encoder.reader
        assert isinstance(reader, InverseGenerator | Reader)
        # AEGAN's reader ends in a linear layer and the Identity that replaced its Tanh: drop both.
        self.layers = reader.codes[:-2] if isinstance(reader, InverseGenerator) else reader.layers[:-1]

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images (n, 3, h, w)."""
        features: Tensor = self.layers(self.prepare(x) * 2 - 1).float()
        return features


class WhiteningEncoder(nn.Module):
    """An encoder with whitened codes, (z - mean) covariance^(-1/2): their mean is 0 and their covariance I."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        matrix = power(encoder.covariance, -0.5)
        self.whiten = _linear(matrix, -encoder.mean @ matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (n, 3, h, w) to whitened codes (n, latent_size)."""
        codes: Tensor = self.whiten(self.encoder(x))
        return codes


class ColouringGenerator(nn.Module):
    """A generator for codes from WhiteningEncoder: it reverses the whitening first."""

    def __init__(self, encoder: Encoder, generator: Decoder) -> None:
        super().__init__()
        self.colour = _linear(power(encoder.covariance, 0.5), encoder.mean)
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        """Generate images from whitened codes (n, latent_size)."""
        images: Tensor = self.generator(self.colour(z))
        return images


def picture_networks(width: int, latent_size: int) -> tuple[Encoder, Decoder]:
    """Build the encoder and generator for 64x64 pictures."""
    encoder, generator = autoencoder.picture_networks(width, latent_size, variational=False)
    reader = encoder.layers
    assert isinstance(reader, InverseGenerator)
    reader.codes[-1] = nn.Identity()
    return Encoder(reader, encoder.prepare, latent_size), generator


def digit_networks(width: int, latent_size: int, prepare: Layers, finish: Layers) -> tuple[Encoder, Decoder]:
    """Build the encoder and generator for 28x28 digits; prepare and finish as in latentsearch.models.autoencoder."""
    encoder, generator = autoencoder.digit_networks(width, latent_size, False, prepare, finish)
    reader = encoder.layers
    assert isinstance(reader, Reader)
    reader.layers[-1] = next(reader.layers[-1].children())
    return Encoder(reader, prepare, latent_size), generator


def projection(latent_size: int) -> nn.Linear:
    """Build the projection whose output the contrastive loss compares: codes (n, latent_size) -> (n, 2/3 latent_size).

    It is linear, so that the directions it ignores can be removed from the codes by a matrix. It is smaller than the
    code, so that the remaining dimensions serve the reconstruction only.
    """
    return nn.Linear(latent_size, 2 * latent_size // 3, bias=False)


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Raise a positive semi-definite matrix (d, d) to a power; eigenvalues near 0 are raised to a minimum first."""
    principal = PrincipalAxes.of(matrix.double().cpu().numpy())
    return torch.from_numpy(principal.matrix_power(exponent)).to(matrix)


def _linear(matrix: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(*matrix.shape)
    layer.weight.data, layer.bias.data = matrix.T.contiguous(), bias
    return layer
