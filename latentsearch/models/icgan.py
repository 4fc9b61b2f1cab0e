"""IcGAN's networks, from its Tables 1 (conditional GAN) and 2 (encoders): one line per layer.

Images are float32 (n, channels, size, size) in [0, 1], codes z (n, latent_size), labels y (n, labels) of 0 and 1.
`width` is 64 in Table 1 and 32 in Table 2. Pictures have size 64. Digits are grey, padded to 32, and have one stage
fewer: G lacks the table's fourth full convolution, D its fourth convolution.

y is concatenated to the output of layer number `position` (0: to the input) as channels that are constant over all
pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentsearch.models.layers import (
    convolution,
    deconvolution,
    dense,
    initialise,
    initialise_by_activation,
    last_deconvolution,
    leaky,
)

KERNEL = 4  # Table 1
FIRST_SIZE = 4
HIDDEN = {"z": 128, "y": 16}  # units of the first fully connected layer as multiples of width: 4096 and 512


class Joined(nn.Module):
    """A sequence of layers with y concatenated after the first `position` layers."""

    def __init__(self, layers: list[nn.Module], position: int) -> None:
        super().__init__()
        self.before, self.after = nn.Sequential(*layers[:position]), nn.Sequential(*layers[position:])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Apply all layers to x, joining y (n, labels) on the way."""
        computed: Tensor = self.after(join(self.before(x), y))
        return computed


def join(x: Tensor, y: Tensor) -> Tensor:
    """Concatenate y (n, labels) to x (n, c, h, w) at every pixel: (n, c + labels, h, w)."""
    everywhere = y.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, everywhere], 1)


class Generator(nn.Module):
    """G, Table 1: codes and labels -> images in [0, 1], rescaled from the range of the table's Tanh."""

    def __init__(
        self, width: int = 64, latent_size: int = 100, labels: int = 18, position: int = 0, channels: int = 3
    ) -> None:
        super().__init__()
        large = channels == 3

        def joined(size: int, layer: int) -> int:
            return size + labels * (layer == position)

        first = width * (8 if large else 4)
        layers: list[nn.Module] = [
            _first_deconvolution(joined(latent_size, 0), first),
            deconvolution(joined(first, 1), first // 2, kernel=KERNEL),
            deconvolution(joined(first // 2, 2), first // 4, kernel=KERNEL),
            *([deconvolution(joined(first // 4, 3), first // 8, kernel=KERNEL)] if large else []),
            last_deconvolution(joined(width, 4 if large else 3), channels, kernel=KERNEL),
        ]
        self.layers = Joined(layers, position)
        initialise(self)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Generate images from codes (n, latent_size) and labels (n, labels)."""
        images: Tensor = (self.layers(z[:, :, None, None], y).float().tanh() + 1) / 2
        return images


def _first_deconvolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """A 4x4 transposed convolution without padding: (n, c, 1, 1) -> (n, channels_out, 4, 4)."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, KERNEL, stride=2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class Discriminator(nn.Module):
    """D, Table 1: images and labels -> logits (n,), above 0 for a real image with its own y.

    normalised: False leaves out the table's batch normalisation, as in AEGAN's D (`latentsearch.models.dcgan`).
    """

    def __init__(
        self, width: int = 64, labels: int = 18, position: int = 1, channels: int = 3, normalised: bool = True
    ) -> None:
        super().__init__()
        large = channels == 3

        def joined(size: int, layer: int) -> int:
            return size + labels * (layer == position)

        last = width * (8 if large else 4)
        layers: list[nn.Module] = [
            convolution(joined(channels, 0), width, leaky(), KERNEL, normalise=False),
            convolution(joined(width, 1), width * 2, leaky(), KERNEL, normalise=normalised),
            convolution(joined(width * 2, 2), width * 4, leaky(), KERNEL, normalise=normalised),
            *([convolution(joined(width * 4, 3), width * 8, leaky(), KERNEL, normalise=normalised)] if large else []),
            nn.Conv2d(joined(last, 4 if large else 3), 1, FIRST_SIZE),
        ]
        self.layers = Joined(layers, position)
        (initialise if normalised else initialise_by_activation)(self)

    def read(self, x: Tensor) -> Tensor:
        """Compute the features of images before y is joined; they do not depend on y."""
        features: Tensor = self.layers.before(x * 2 - 1)
        return features

    def judge(self, features: Tensor, y: Tensor) -> Tensor:
        """Return logits for features from `read` with labels y."""
        logits: Tensor = self.layers.after(join(features, y)).float().flatten()
        return logits

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return logits for pairs of image and labels."""
        return self.judge(self.read(x), y)


class Encoder(nn.Module):
    """Ez or Ey of Table 2: images -> codes or label values (n, size_out); the last layer is linear.

    hidden: units of the first fully connected layer. conditions: the number of labels given with an image, joined
    after the first convolution; 0 for an encoder that sees the image only.
    """

    def __init__(self, hidden: int, size_out: int, width: int = 32, channels: int = 3, conditions: int = 0) -> None:
        super().__init__()
        self.convolutions = Joined(_convolutions(width, channels, conditions), 1 if conditions else 0)
        self.hidden, self.last = _fully_connected(width, channels, hidden, size_out)
        initialise(self)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute the last layer's input: (n, hidden)."""
        read = self.convolutions(x * 2 - 1, x.new_zeros(len(x), 0) if y is None else y)
        features: Tensor = self.hidden(read.flatten(1))
        return features

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Encode images, with labels y (n, conditions) if the encoder is conditional: (n, size_out)."""
        codes: Tensor = self.last(self.features(x, y)).float()
        return codes


class SingleEncoder(nn.Module):
    """Ez and Ey with shared convolutions (SNG): images -> codes (n, latent_size) and label values (n, labels)."""

    def __init__(self, latent_size: int = 100, labels: int = 18, width: int = 32, channels: int = 3) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*_convolutions(width, channels), nn.Flatten())
        self.z = nn.Sequential(*_fully_connected(width, channels, HIDDEN["z"] * width, latent_size))
        self.y = nn.Sequential(*_fully_connected(width, channels, HIDDEN["y"] * width, labels))
        initialise(self)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes z and label values y of images."""
        features = self.convolutions(x * 2 - 1)
        return self.z(features).float(), self.y(features).float()


def _convolutions(width: int, channels: int, conditions: int = 0) -> list[nn.Module]:
    """Table 2's four convolutions: (n, channels, s, s) -> (n, 8 width, s / 16, s / 16)."""
    return [
        convolution(channels, width, nn.ReLU(inplace=True)),
        convolution(width + conditions, width * 2, nn.ReLU(inplace=True)),
        convolution(width * 2, width * 4, nn.ReLU(inplace=True)),
        convolution(width * 4, width * 8, nn.ReLU(inplace=True)),
    ]


def _fully_connected(width: int, channels: int, hidden: int, size_out: int) -> tuple[nn.Module, nn.Module]:
    """Table 2's two fully connected layers."""
    positions = 4 * 4 if channels == 3 else 2 * 2
    return dense(positions * width * 8, hidden, nn.ReLU(inplace=True), normalise=True), dense(hidden, size_out)
