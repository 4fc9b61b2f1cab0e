"""The networks of contrastive codes: a reader, its code's own Gaussian, a generator and a projection.

Pictures: the reader has the convolutions of AEGAN's Table 5, the generator those of Table 3. Digits: those of E and G
in IVE-GAN's Table 2. Images are RGB, float32 (n, 3, h, w) in [0, 1]; codes are (n, latent_size) with mean 0 and
variance 1 in every number: a linear end, standardised by batch normalisation, where AEGAN's has a Tanh.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentsearch.models import autoencoder
from latentsearch.models.autoencoder import Decoder, Layers
from latentsearch.models.dcgan import InverseGenerator
from latentsearch.models.ivegan import Reader
from latentsearch.models.whitening import PrincipalAxes

MOMENTUM = 0.01


class Encoder(nn.Module):
    """Images -> codes (n, latent_size), whose running mean and covariance `follow` keeps.

    `prepare` makes of images what the reader reads and the generator aims at.
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
        """Encode images."""
        codes: Tensor = self.standardise(self.reader(self.prepare(x)).float())
        return codes

    @torch.no_grad()
    def follow(self, codes: Tensor) -> None:
        """Move the running mean and covariance towards those of a batch of codes."""
        mean = codes.mean(0)
        self.mean.lerp_(mean, MOMENTUM)
        self.covariance.lerp_((codes - mean).T @ (codes - mean) / (len(codes) - 1), MOMENTUM)


class Features(nn.Module):
    """What an encoder's last layer reads: images -> features (n, f)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.prepare, reader = encoder.prepare, encoder.reader
        assert isinstance(reader, InverseGenerator | Reader)
        # Behind AEGAN's last layer stands what took the place of its Tanh.
        self.layers = reader.codes[:-2] if isinstance(reader, InverseGenerator) else reader.layers[:-1]

    def forward(self, x: Tensor) -> Tensor:
        """Read images."""
        features: Tensor = self.layers(self.prepare(x) * 2 - 1).float()
        return features


class WhiteningEncoder(nn.Module):
    """An encoder whose codes are made N(0, 1), as far as mean and covariance go: (z - mean) covariance^(-1/2)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        matrix = power(encoder.covariance, -0.5)
        self.whiten = _linear(matrix, -encoder.mean @ matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images."""
        codes: Tensor = self.whiten(self.encoder(x))
        return codes


class ColouringGenerator(nn.Module):
    """A generator that takes what the WhiteningEncoder gives: it undoes the whitening first."""

    def __init__(self, encoder: Encoder, generator: Decoder) -> None:
        super().__init__()
        self.colour = _linear(power(encoder.covariance, 0.5), encoder.mean)
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        """Generate images from codes."""
        images: Tensor = self.generator(self.colour(z))
        return images


def picture_networks(width: int, latent_size: int) -> tuple[Encoder, Decoder]:
    """For pictures of 64x64."""
    encoder, generator = autoencoder.picture_networks(width, latent_size, variational=False)
    reader = encoder.layers
    assert isinstance(reader, InverseGenerator)
    reader.codes[-1] = nn.Identity()
    return Encoder(reader, encoder.prepare, latent_size), generator


def digit_networks(width: int, latent_size: int, prepare: Layers, finish: Layers) -> tuple[Encoder, Decoder]:
    """For digits of 28x28; prepare and finish as in latentsearch.models.autoencoder."""
    encoder, generator = autoencoder.digit_networks(width, latent_size, False, prepare, finish)
    reader = encoder.layers
    assert isinstance(reader, Reader)
    reader.layers[-1] = next(reader.layers[-1].children())
    return Encoder(reader, prepare, latent_size), generator


def projection(latent_size: int) -> nn.Linear:
    """What the contrastive loss compares: codes (n, latent_size) -> (n, 2/3 of that).

    Linear, so that what it leaves out can be left out of the codes by a matrix; smaller, so that there is something
    left for the reconstruction alone.
    """
    return nn.Linear(latent_size, 2 * latent_size // 3, bias=False)


def power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric matrix (d, d) without negative eigenvalues; those near 0 are raised a little."""
    principal = PrincipalAxes.of(matrix.double().cpu().numpy())
    return torch.from_numpy(principal.matrix_power(exponent)).to(matrix)


def _linear(matrix: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(*matrix.shape)
    layer.weight.data, layer.bias.data = matrix.T.contiguous(), bias
    return layer
