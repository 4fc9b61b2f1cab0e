"""Anet: predicts the attributes of images, to score generated ones (IcGAN, section 5.2).

It is trained on real images and their labels, with Ey's architecture and loss (Table 2, eq. 4). As an encoder, its
codes are the last layer's input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from indexer.encoders.framing import Framing
from latentsearch.models.icgan import Encoder
from latentsearch.training.datasets.digits import pad_digits
from latentsearch.training.datasets.framings import FRAMINGS
from latentsearch.training.datasets.transforms import mirrored
from latentsearch.training.engine.family import Family, LabelledRecipe, Stage
from latentsearch.training.families.icgan_published import Reader


@dataclass(frozen=True)
class Recipe(LabelledRecipe):
    """The sizes and schedule of a run.

    data: "pictures" or "digits". latent_size: units of the first fully connected layer. flip: whether each picture is
    mirrored with probability 1/2. annealed: whether the learning rate falls linearly to 0.
    """

    data: str = "pictures"
    latent_size: int = 512
    width: int = 32
    epochs: int = 25
    flip: bool = False
    annealed: bool = False

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the network's input."""
        return FRAMINGS[28 if self.data == "digits" else 64]


PICTURES = Recipe()
DIGITS = replace(PICTURES, data="digits")
PRESETS = {
    "pictures": {
        # For a GPU; never run to the end.
        "paper": PICTURES,
        # Command: `latentsearch train attributes celeba -o runs/attributes --preset small --threads 1`, 20,000 faces.
        # Accuracy and F1 on validation faces: 0.933 and 0.662 (first row of `python -m benchmarks
        # conditional-position`).
        "small": replace(PICTURES, batch=32, epochs=4, learning_rate=1e-3, flip=True, annealed=True),
    },
    "digits": {
        "paper": DIGITS,
        "small": replace(DIGITS, width=16, epochs=1, learning_rate=1e-3, annealed=True),
    },
}


class Anet(Family):
    """Anet and its only stage. Images are float32 (n, 3, 64, 64) or (n, 3, 28, 28) in [0, 1]."""

    recipe: Recipe
    prior = "none"

    def build_networks(self) -> dict[str, nn.Module]:
        """Build Anet (Table 2)."""
        recipe, channels = self.recipe, 1 if self.recipe.data == "digits" else 3
        self.network = Encoder(recipe.latent_size, len(recipe.labels), recipe.width, channels)
        return {"attributes": self.network}

    def plan(self) -> list[Stage]:
        """Train on real images and their labels."""
        return [Stage("attributes", self.recipe.epochs, self.step)]

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Take one step (eq. 4)."""
        if self.recipe.data == "digits":
            x = pad_digits(x)
        elif self.recipe.flip:
            x = mirrored(x, self.random)
        with self.precision.autocast():
            values = self.network(x)
        loss = mse_loss(values, y)
        self.set_rate("attributes", self.recipe.learning_rate * (1 - self.progress if self.recipe.annealed else 1))
        self.descend(loss, "attributes")
        return {"attribute_loss": loss.detach()}

    def encoder(self) -> nn.Module:
        """Return the network without its last layer."""
        return Reader(Hidden(self.network), self.recipe.data)

    def attributes(self) -> nn.Module:
        """Return Anet."""
        return Reader(self.network, self.recipe.data)

    def generator(self) -> None:
        """Return None: Anet does not generate images."""

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return no grids: Anet does not generate images."""
        return {}


class Hidden(nn.Module):
    """Images -> the input of an encoder's last layer (n, hidden)."""

    def __init__(self, network: Encoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of a batch."""
        return self.network.features(x)


FAMILY = Anet
