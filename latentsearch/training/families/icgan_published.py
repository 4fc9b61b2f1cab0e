"""What of IcGAN is published: its encoders and its generator from RGB images and to them."""

from __future__ import annotations

from torch import Tensor, nn

from latentsearch.training.datasets.digits import pad_digits, unpad_digits


class Reader(nn.Module):
    """An encoder behind its preparation: RGB images in [0, 1] -> codes or label values.

    part: which of a single encoder's two outputs; None where there is one.
    """

    def __init__(self, network: nn.Module, data: str, part: int | None = None) -> None:
        super().__init__()
        self.network, self.digits, self.part = network, data == "digits", part

    def forward(self, x: Tensor) -> Tensor:
        """Read one batch."""
        read = self.network(pad_digits(x) if self.digits else x)
        values: Tensor = read if self.part is None else read[self.part]
        return values


class Conditioned(nn.Module):
    """Ez(x, Ey(x))."""

    def __init__(self, latent_encoder: nn.Module, attribute_encoder: nn.Module) -> None:
        super().__init__()
        self.latent_encoder, self.attribute_encoder = latent_encoder, attribute_encoder

    def forward(self, x: Tensor) -> Tensor:
        """Encode one batch."""
        codes: Tensor = self.latent_encoder(x, self.attribute_encoder(x))
        return codes


class SideBySide(nn.Module):
    """G of codes and labels in one tensor (n, latent_size + labels) -> RGB images, digits without their padding."""

    def __init__(self, network: nn.Module, latent_size: int, data: str) -> None:
        super().__init__()
        self.network, self.latent_size, self.digits = network, latent_size, data == "digits"

    def forward(self, codes: Tensor) -> Tensor:
        """Generate one batch."""
        made: Tensor = self.network(codes[:, : self.latent_size], codes[:, self.latent_size :])
        return unpad_digits(made) if self.digits else made
