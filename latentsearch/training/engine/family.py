"""What every family of networks brings to the loop, and what they share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import InputError
from latentsearch.training.datasets.transforms import Alteration
from latentsearch.training.engine.ema import Ema
from latentsearch.training.engine.precision import Precision


@dataclass(frozen=True)
class Recipe:
    """The sizes and the schedule of one run. Of a run that is resumed, only fields named `…epochs` may change."""

    batch: int = 64
    seed: int = 0
    learning_rate: float = 2e-4
    beta1: float = 0.5
    latent_size: int = 100

    @property
    def framing(self) -> Framing:
        """How pictures become the networks' input."""
        return CELEBA

    @property
    def step_size(self) -> int:
        """How many examples a step is given."""
        return self.batch


@dataclass(frozen=True)
class LabelledRecipe(Recipe):
    """A recipe that learns with labels. labels: their names, as the data has them; each is 1 or 0."""

    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Of a run's description, which is JSON, names come as a list."""
        object.__setattr__(self, "labels", tuple(self.labels))


@dataclass(frozen=True)
class Stage:
    """A part of a recipe: `step` takes a batch of real images (n, 3, h, w) and returns losses (scalar tensors).

    Where the recipe has labels, it takes the images' own (n, labels) after them.
    """

    name: str
    epochs: int
    step: Callable[..., dict[str, Tensor]]
    finish: Callable[[], None] = lambda: None


class Family(ABC):
    """Networks with their optimisers and stages. Every tensor that a later step depends on is in these dictionaries.

    prior: of the generator's codes: "uniform" U(-1, 1), "gaussian" N(0, 1), or "none". progress: the share of the
    stage's steps that are done, in [0, 1), set by the loop before every step.
    """

    prior: str = "uniform"
    progress: float = 0.0

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        self.recipe, self.precision = recipe, precision
        self.batch, self.seed = recipe.step_size, recipe.seed
        torch.manual_seed(recipe.seed)
        self.networks = self.build_networks()
        for network in self.networks.values():
            precision.move(network)
        self.emas = self.make_emas()
        self.optimisers = {name: self.make_optimiser(name, network) for name, network in self.networks.items()}
        self.scaler = precision.scaler()
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.stages = self.plan()

    @abstractmethod
    def build_networks(self) -> dict[str, nn.Module]:
        """The networks by name, with their initial weights."""

    def make_emas(self) -> dict[str, Ema]:
        """Moving averages by the name of the network that they follow."""
        return {}

    def make_optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of one network: DCGAN's Adam.

        Fused, as everywhere here: on a core a step of mirrored autoencoders of 1,000 numbers takes 0.67 times as long.
        """
        weights = self.weight_groups(name, network)
        return torch.optim.Adam(weights, self.recipe.learning_rate, (self.recipe.beta1, 0.999), fused=True)

    def weight_groups(self, name: str, network: nn.Module) -> list[dict[str, Any]]:
        """What an optimiser takes: the weights in their order, neighbours of one learning rate together."""
        shares, rate = self.rate_shares(name, network), self.recipe.learning_rate
        return [
            {"params": list(weights), "share": share, "lr": share * rate}
            for share, weights in groupby(network.parameters(), lambda weight: shares.get(weight, 1.0))
        ]

    def rate_shares(self, name: str, network: nn.Module) -> dict[nn.Parameter, float]:
        """The weights of a network that learn at another rate than its others, as shares of that; none."""
        return {}

    @abstractmethod
    def plan(self) -> list[Stage]:
        """The stages in their order."""

    @abstractmethod
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Images to look at, by name; `samples` are generated ones, from the same codes each time."""

    @abstractmethod
    def encoder(self) -> nn.Module:
        """What is published, in eval mode: RGB images float32 (n, 3, h, w) in [0, 1] -> codes (n, latent_size)."""

    @abstractmethod
    def generator(self) -> nn.Module | None:
        """What is published, in eval mode: codes (n, latent_size) -> RGB images (n, 3, h, w) in [0, 1]; or None.

        Where the recipe has labels, their values stand in the codes behind: (n, latent_size + labels).
        """

    def attributes(self) -> nn.Module | None:
        """What tells labels, in eval mode: RGB images (n, 3, h, w) in [0, 1] -> values (n, labels), about 1 or 0."""
        return None

    def code_features(self) -> nn.Module | None:
        """What codes for cosine distance are made of instead of the encoder's codes, in eval mode; or None.

        RGB images float32 (n, 3, h, w) in [0, 1] -> features (n, f), f at least latent_size.
        """
        return None

    def invariance(self) -> Alteration | None:
        """What the family's codes are not to see, where its published ones leave some of it out; or None."""
        return None

    def take_labels(self, values: Tensor) -> None:
        """Know the labels of all training images, float32 (n, labels), before the first step; to draw from them."""
        self.values = values.to(self.precision.device)

    def take_generator(self, other: Family) -> None:
        """Start from the generator of another run. Raises InputError in a family that learns its own."""
        raise InputError("only aegan, direct and icgan start from another run's generator: leave out --generator")

    def uniform(self, count: int, size: int) -> Tensor:
        """Draw from U(-1, 1): float32 (count, size)."""
        return (torch.rand(count, size, generator=self.random) * 2 - 1).to(self.precision.device)

    def gaussian(self, count: int, size: int) -> Tensor:
        """Draw from N(0, 1): float32 (count, size)."""
        return torch.randn(count, size, generator=self.random).to(self.precision.device)

    def set_rate(self, name: str, rate: float) -> None:
        """Let the optimiser of the network of this name go on with another learning rate.

        Weights that have a share of it (rate_shares) keep that.
        """
        for group in self.optimisers[name].param_groups:
            group["lr"] = group.get("share", 1.0) * rate

    def falling(self) -> float:
        """The share that is left of a learning rate which falls along half a cosine in the second half of the steps."""
        return (1 + math.cos(math.pi * max(0.0, 2 * self.progress - 1))) / 2

    def descend(self, loss: Tensor, *names: str) -> None:
        """One step down the loss by the optimisers of the networks of these names."""
        for name in names:
            self.optimisers[name].zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        for name in names:
            self.scaler.step(self.optimisers[name])
        self.scaler.update()
