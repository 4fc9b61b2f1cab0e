"""Training runs on digits: their codes, reconstructions and samples as arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.errors import InputError
from latentsearch.training.datasets.digits import unpad_digits
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.trained import load_family
from latentsearch.training.families.ivegan import Ivegan

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
BLOCK = 500


class DigitRun:
    """A run's encoder and generator. Digits are uint8 (n, 28, 28), codes float32 (n, d)."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Raises InputError if the folder holds no run on digits."""
        self.about = runs.read(folder)
        if self.about["recipe"].get("data") != "digits":
            raise InputError(f"{folder} holds no run on digits: train one on mnist.npz")
        self.family = load_family(folder)
        self.encoder = self.family.encoder().eval()
        self.random = torch.Generator().manual_seed(seed)
        self.latent_size = self.family.recipe.latent_size
        variational = self.about["recipe"].get("variational", False)
        self.model_family = f"{'variational-' if variational else ''}{self.about['family']}"
        self.key = f"{self.model_family}-{self.latent_size}"

    def encode(self, images: Pixels) -> Floats:
        """Encode digits."""

        def encode(part: Pixels) -> Tensor:
            codes: Tensor = self.encoder(torch.from_numpy(np.array(part))[:, None].float().expand(-1, 3, -1, -1) / 255)
            return codes

        return _in_blocks(encode, images).numpy()

    def generate(self, codes: Floats, noise: bool = True) -> Pixels:
        """Generate digits from codes; IVE-GAN with a random z' each, as in its Figure 4, or with z' = 0."""
        made = _in_blocks(lambda part: self._generate(torch.from_numpy(part), noise), codes)
        pixels: Pixels = (made * 255).round().to(torch.uint8).numpy()
        return pixels

    def _generate(self, z: Tensor, noise: bool) -> Tensor:
        generator = self.family.generator()
        assert generator is not None
        if noise and isinstance(self.family, Ivegan):
            drawn = torch.randn(len(z), self.family.recipe.noise_size, generator=self.random)
            return unpad_digits(self.family.published("generator")(drawn, z))[:, 0]
        made: Tensor = generator(z)[:, 0]
        return made

    def sample(self, count: int) -> Pixels | None:
        """Generate digits from codes of the prior; None if there is no prior."""
        if self.family.prior == "none":
            return None
        shape = (count, self.latent_size)
        gaussian = torch.randn(shape, generator=self.random)
        uniform = torch.rand(shape, generator=self.random) * 2 - 1
        return self.generate((gaussian if self.family.prior == "gaussian" else uniform).numpy())


@torch.no_grad()
def _in_blocks(function: Callable[[NDArray[Any]], Tensor], rows: NDArray[Any]) -> Tensor:
    return torch.cat([function(rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)])
