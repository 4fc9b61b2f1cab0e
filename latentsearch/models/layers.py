"""The layers used in the papers' tables; each function builds one line of a table."""

from __future__ import annotations

from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 5, 2, 2
SLOPE = 0.2


def leaky() -> nn.Module:
    """LReLU with slope 0.2, as in DCGAN and IVE-GAN."""
    return nn.LeakyReLU(SLOPE)  # not in place: the ONNX exporter turns the assignment into about a dozen nodes


def dense(
    features_in: int, features_out: int, activation: nn.Module | None = None, normalise: bool = False
) -> nn.Sequential:
    """Dense layer, optional batch normalisation, optional activation: (n, features_in) -> (n, features_out).

    Here and below, a layer before batch normalisation has no bias, because subtracting the mean would cancel it.
    """
    linear = nn.Linear(features_in, features_out, bias=not normalise)
    return _line(linear, nn.BatchNorm1d(features_out) if normalise else None, activation)


def convolution(
    channels_in: int,
    channels_out: int,
    activation: nn.Module | None,
    kernel: int = KERNEL,
    stride: int = STRIDE,
    normalise: bool = True,
) -> nn.Sequential:
    """Convolution, batch normalisation if `normalise`, optional activation.

    (n, c, h, w) -> (n, channels_out, h / stride, w / stride). Odd kernels are padded so that stride 1 keeps the size;
    a 2x2 kernel is unpadded and reduces 2x2 to 1x1.
    """
    layer = nn.Conv2d(channels_in, channels_out, kernel, stride, (kernel - 1) // 2, bias=not normalise)
    return _line(layer, nn.BatchNorm2d(channels_out) if normalise else None, activation)


def deconvolution(
    channels_in: int,
    channels_out: int,
    activation: nn.Module | None = None,
    kernel: int = KERNEL,
    stride: int = STRIDE,
    normalise: bool = True,
) -> nn.Sequential:
    """Transposed convolution, batch normalisation if `normalise`, activation (by default ReLU).

    (n, c, h, w) -> (n, channels_out, stride * h, stride * w).
    """
    layer = Deconvolution(channels_in, channels_out, kernel, stride, bias=not normalise)
    norm = nn.BatchNorm2d(channels_out) if normalise else None
    return _line(layer, norm, activation or nn.ReLU(inplace=True))


def last_deconvolution(
    channels_in: int, channels_out: int, kernel: int = KERNEL, stride: int = STRIDE
) -> nn.ConvTranspose2d:
    """Transposed convolution with bias, nothing after it: (n, c, h, w) -> (n, channels_out, stride * h, stride * w)."""
    return Deconvolution(channels_in, channels_out, kernel, stride)


def resize() -> nn.Module:
    """Nearest-neighbour upsampling by 2; before a convolution, it avoids checkerboard patterns (Odena et al., 2016)."""
    return nn.Upsample(scale_factor=2, mode="nearest")


def _line(*parts: nn.Module | None) -> nn.Sequential:
    return nn.Sequential(*(part for part in parts if part is not None))


class Deconvolution(nn.ConvTranspose2d):
    """A transposed convolution whose output is `stride` times the size of its input for every kernel size."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, bias: bool = True) -> None:
        padding = (kernel - 1) // 2
        missing = stride - kernel + 2 * padding
        super().__init__(channels_in, channels_out, kernel, stride, padding, max(missing, 0), bias=bias)
        self.excess = max(-missing, 0)  # 1 for a 2x2 kernel at stride 1: forward drops the last row and column

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve a batch (n, c, h, w)."""
        y = super().forward(x, output_size)
        return y[..., : y.shape[-2] - self.excess, : y.shape[-1] - self.excess] if self.excess else y


def initialise(network: nn.Module) -> None:
    """Initialise as DCGAN (Radford et al., section 4): weights N(0, 0.02), batch normalisation's scale N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def initialise_by_activation(network: nn.Module) -> None:
    """Initialise as IVE-GAN (Tables 1 to 3): He for layers before LReLU, Xavier for all other layers, biases zero."""
    before_leaky = {
        id(line[0])
        for line in network.modules()
        if isinstance(line, nn.Sequential) and len(line) and isinstance(line[-1], nn.LeakyReLU)
    }
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if id(module) in before_leaky:
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
            else:
                nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_by_glorot(network: nn.Module) -> None:
    """Initialise uniformly as Glorot and Bengio (2010, eq. 16), biases zero; batch normalisation keeps its defaults."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Unflatten(nn.Module):
    """Reshape (n, channels * size * size) -> (n, channels, size, size)."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.channels, self.size = channels, size

    def forward(self, x: Tensor) -> Tensor:
        """Reshape a batch."""
        return x.view(-1, self.channels, self.size, self.size)
