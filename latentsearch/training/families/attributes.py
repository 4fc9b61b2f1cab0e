"""Anet: tells attributes from real images and their labels, to score generated ones (IcGAN, section 5.2).

Its architecture and loss are Ey's (Table 2, eq. 4). Where a code is asked for, it is what the last layer reads.
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
    """The sizes and the schedule of one run. data: "pictures" or "digits".

    latent_size: the numbers of the first fully connected layer. flip: whether every second picture is mirrored.
    annealed: whether the learning rate falls to 0.
    """

    data: str = "pictures"
    latent_size: int = 512
    width: int = 32
    epochs: int = 25
    flip: bool = False
    annealed: bool = False

    @property
    def framing(self) -> Framing:
        """How pictures become the network's input."""
        return FRAMINGS[28 if self.data == "digits" else 64]


PICTURES = Recipe()
DIGITS = replace(PICTURES, data="digits")
PRESETS = {
    "pictures": {
        # Meant for a GPU; not run to its end here.
        "paper": PICTURES,
        # `latentsearch train attributes celeba -o runs/attributes --preset small --threads 1`, 20,000 faces. Accuracy
        # and F1 on validation faces to expect: 0.933 and 0.662, the first row of `python -m benchmarks
        # conditional-position`.
        "small": replace(PICTURES, batch=32, epochs=4, learning_rate=1e-3, flip=True, annealed=True),
    },
    "digits": {
        "paper": DIGITS,
        "small": replace(DIGITS, width=16, epochs=1, learning_rate=1e-3, annealed=True),
    },
}


class Anet(Family):
    """One network and its one stage. Images are float32 (n, 3, 64, 64) or (n, 3, 28, 28) in [0, 1]."""

    recipe: Recipe
    prior = "none"

    def build_networks(self) -> dict[str, nn.Module]:
        """Anet (Table 2)."""
        recipe, channels = self.recipe, 1 if self.recipe.data == "digits" else 3
        self.network = Encoder(recipe.latent_size, len(recipe.labels), recipe.width, channels)
        return {"attributes": self.network}

    def plan(self) -> list[Stage]:
        """Real images and labels."""
        return [Stage("attributes", self.recipe.epochs, self.step)]

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """One step (eq. 4)."""
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
        """What its last layer reads."""
        return Reader(Hidden(self.network), self.recipe.data)

    def attributes(self) -> nn.Module:
        """Anet."""
        return Reader(self.network, self.recipe.data)

    def generator(self) -> None:
        """It makes no images."""

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """None: it makes no images."""
        return {}


class Hidden(nn.Module):
    """Images -> what an encoder's last layer reads."""

    def __init__(self, network: Encoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Read one batch."""
        return self.network.features(x)


FAMILY = Anet
