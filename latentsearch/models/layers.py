"""The few layers that the papers' tables are written in."""

from __future__ import annotations

from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 5, 2, 2


def convolution(channels_in: int, channels_out: int, activation: nn.Module) -> nn.Sequential:
    """Conv 5x5, stride 2, batch normalisation, activation: (n, c, h, w) -> (n, channels_out, h/2, w/2).

    There is no bias: the batch normalisation that follows would remove it.
    """
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, KERNEL, STRIDE, PADDING, bias=False),
        nn.BatchNorm2d(channels_out),
        activation,
    )


def deconvolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """Deconv 5x5, stride 2, batch normalisation, ReLU: (n, c, h, w) -> (n, channels_out, 2h, 2w)."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, KERNEL, STRIDE, PADDING, output_padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def last_deconvolution(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
    """Deconv 5x5, stride 2, with a bias and nothing after it: (n, c, h, w) -> (n, channels_out, 2h, 2w)."""
    return nn.ConvTranspose2d(channels_in, channels_out, KERNEL, STRIDE, PADDING, output_padding=1)


def initialise(network: nn.Module) -> None:
    """Draw weights as DCGAN does (Radford et al., section 4): N(0, 0.02), batch normalisation's scale N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


class Unflatten(nn.Module):
    """Reshape (n, channels * size * size) -> (n, channels, size, size)."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.channels, self.size = channels, size

    def forward(self, x: Tensor) -> Tensor:
        """Reshape one batch."""
        return x.view(-1, self.channels, self.size, self.size)
