"""IcGAN's encoders and generator as they are published: they take and return RGB images."""

from __future__ import annotations

from torch import Tensor, nn

from latentsearch.training.datasets.digits import pad_digits, unpad_digits


class Reader(nn.Module):
    """An encoder for RGB images in [0, 1] -> codes or label values.

    part: index of the output of a single encoder (SNG), or None for an encoder with one output.
    """

    def __init__(self, network: nn.Module, data: str, part: int | None = None) -> None:
        super().__init__()
        self.network, self.digits, self.part = network, data == "digits", part

    def forward(self, x: Tensor) -> Tensor:
        """Encode a batch."""
        read = self.network(pad_digits(x) if self.digits else x)
        values: Tensor = read if self.part is None else read[self.part]
        return values


class Conditioned(nn.Module):
    """Ez conditioned on Ey: Ez(x, Ey(x))."""

    def __init__(self, latent_encoder: nn.Module, attribute_encoder: nn.Module) -> None:
        super().__init__()
        self.latent_encoder, self.attribute_encoder = latent_encoder, attribute_encoder

    def forward(self, x: Tensor) -> Tensor:
        """Encode a batch."""
        codes: Tensor = self.latent_encoder(x, self.attribute_encoder(x))
        return codes


class SideBySide(nn.Module):
    """G for codes and labels in one tensor (n, latent_size + labels) -> RGB images, digits without their padding."""

    def __init__(self, network: nn.Module, latent_size: int, data: str) -> None:
        super().__init__()
        self.network, self.latent_size, self.digits = network, latent_size, data == "digits"

    def forward(self, codes: Tensor) -> Tensor:
        """Generate a batch."""
        made: Tensor = self.network(codes[:, : self.latent_size], codes[:, self.latent_size :])
        return unpad_digits(made) if self.digits else made
