"""IcGAN's networks, read as its Tables 1 (conditional GAN) and 2 (encoders): one line a layer.

Images are float32 (n, channels, size, size) in [0, 1], codes z (n, latent_size), labels y (n, labels) of 0 and 1.
`width` is 64 in Table 1 and 32 in Table 2. Pictures have size 64; digits, grey, are padded to 32 and have one stage
fewer: G is without the table's fourth full convolution, D without its fourth convolution.

y joins what the first `position` layers give, 0 for the input: as so many channels more, the same at every position.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentsearch.models.layers import convolution, deconvolution, dense, initialise, last_deconvolution, leaky

KERNEL = 4  # of Table 1
FIRST_SIZE = 4
HIDDEN = {"z": 128, "y": 16}  # of the first fully connected layer, in widths: 4096 and 512


class Joined(nn.Module):
    """Layers of which those from `position` on see y too."""

    def __init__(self, layers: list[nn.Module], position: int) -> None:
        super().__init__()
        self.before, self.after = nn.Sequential(*layers[:position]), nn.Sequential(*layers[position:])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute one batch."""
        computed: Tensor = self.after(join(self.before(x), y))
        return computed


def join(x: Tensor, y: Tensor) -> Tensor:
    """x (n, c, h, w) with y (n, labels) at every position: (n, c + labels, h, w)."""
    everywhere = y.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, everywhere], 1)


class Generator(nn.Module):
    """G, Table 1: codes and labels -> images in [0, 1]; the table's Tanh, moved there."""

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
        """Generate one batch."""
        images: Tensor = (self.layers(z[:, :, None, None], y).float().tanh() + 1) / 2
        return images


def _first_deconvolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """A full convolution 4x4 of a single position, without padding: (n, c, 1, 1) -> (n, channels_out, 4, 4)."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, KERNEL, stride=2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class Discriminator(nn.Module):
    """D, Table 1: images and labels -> logits (n,), above 0 for a real image with its own y."""

    def __init__(self, width: int = 64, labels: int = 18, position: int = 1, channels: int = 3) -> None:
        super().__init__()
        large = channels == 3

        def joined(size: int, layer: int) -> int:
            return size + labels * (layer == position)

        last = width * (8 if large else 4)
        layers: list[nn.Module] = [
            convolution(joined(channels, 0), width, leaky(), KERNEL, normalise=False),
            convolution(joined(width, 1), width * 2, leaky(), KERNEL),
            convolution(joined(width * 2, 2), width * 4, leaky(), KERNEL),
            *([convolution(joined(width * 4, 3), width * 8, leaky(), KERNEL)] if large else []),
            nn.Conv2d(joined(last, 4 if large else 3), 1, FIRST_SIZE),
        ]
        self.layers = Joined(layers, position)
        initialise(self)

    def read(self, x: Tensor) -> Tensor:
        """What the layers before y make of images: the same for every y."""
        features: Tensor = self.layers.before(x * 2 - 1)
        return features

    def judge(self, features: Tensor, y: Tensor) -> Tensor:
        """Judge what was read, with labels."""
        logits: Tensor = self.layers.after(join(features, y)).float().flatten()
        return logits

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Judge pairs of image and labels."""
        return self.judge(self.read(x), y)


class Encoder(nn.Module):
    """Ez or Ey of Table 2: images -> codes or label values (n, size_out), linear at the end.

    hidden: the numbers of the first fully connected layer. conditions: how many labels it is told along with an
    image, joined to what the first convolution gives; 0 for none.
    """

    def __init__(self, hidden: int, size_out: int, width: int = 32, channels: int = 3, conditions: int = 0) -> None:
        super().__init__()
        self.convolutions = Joined(_convolutions(width, channels, conditions), 1 if conditions else 0)
        self.hidden, self.last = _fully_connected(width, channels, hidden, size_out)
        initialise(self)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """What the last layer reads: (n, hidden)."""
        read = self.convolutions(x * 2 - 1, x.new_zeros(len(x), 0) if y is None else y)
        features: Tensor = self.hidden(read.flatten(1))
        return features

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Encode one batch."""
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
        """Encode one batch."""
        features = self.convolutions(x * 2 - 1)
        return self.z(features).float(), self.y(features).float()


def _convolutions(width: int, channels: int, conditions: int = 0) -> list[nn.Module]:
    """The four of Table 2: (n, channels, s, s) -> (n, 8 width, s / 16, s / 16)."""
    return [
        convolution(channels, width, nn.ReLU(inplace=True)),
        convolution(width + conditions, width * 2, nn.ReLU(inplace=True)),
        convolution(width * 2, width * 4, nn.ReLU(inplace=True)),
        convolution(width * 4, width * 8, nn.ReLU(inplace=True)),
    ]


def _fully_connected(width: int, channels: int, hidden: int, size_out: int) -> tuple[nn.Module, nn.Module]:
    """The two of Table 2."""
    positions = 4 * 4 if channels == 3 else 2 * 2
    return dense(positions * width * 8, hidden, nn.ReLU(inplace=True), normalise=True), dense(hidden, size_out)
