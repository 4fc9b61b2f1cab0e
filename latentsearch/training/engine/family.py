"""The interface between a family of networks and the training loop, with the code that families share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """The sizes and schedule of a run. When a run is resumed, only fields whose name ends in `epochs` may change."""

    batch: int = 64
    seed: int = 0
    learning_rate: float = 2e-4
    beta1: float = 0.5
    latent_size: int = 100

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the networks' input."""
        return CELEBA

    @property
    def step_size(self) -> int:
        """The number of examples per step."""
        return self.batch


@dataclass(frozen=True)
class LabelledRecipe(Recipe):
    """A recipe for training with labels, each 1 or 0. labels: their names in the data."""

    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Convert the list of names that JSON yields to a tuple."""
        object.__setattr__(self, "labels", tuple(self.labels))


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    step: takes a batch of real images (n, 3, h, w) or points (n, 2) and, if the recipe has labels, the images' labels
    (n, labels); returns losses as scalar tensors by name. finish: called once after the last step.
    """

    name: str
    epochs: int
    step: Callable[..., dict[str, Tensor]]
    finish: Callable[[], None] = lambda: None


class Family(ABC):
    """Networks with their optimisers and stages.

    Checkpoints contain `networks`, `emas`, `optimisers` and `random`, so these must hold all state between steps.
    prior: distribution of the generator's codes: "uniform" U(-1, 1), "gaussian" N(0, 1), or "none". progress: the share
    of the stage's steps that are done, in [0, 1); the loop sets it before each step.
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
        """Build the networks with their initial weights, by name."""

    def make_emas(self) -> dict[str, Ema]:
        """Create the moving averages, by the names of their networks."""
        return {}

    def make_optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """Create the optimiser of one network: Adam with DCGAN's parameters.

        All optimisers are fused: a step of a mirrored autoencoder with latent size 1,000 then takes 0.67 times as long
        on one core.
        """
        weights = self.weight_groups(name, network)
        return torch.optim.Adam(weights, self.recipe.learning_rate, (self.recipe.beta1, 0.999), fused=True)

    def weight_groups(self, name: str, network: nn.Module) -> list[dict[str, Any]]:
        """Return an optimiser's parameter groups: runs of consecutive weights with the same learning rate."""
        shares, rate = self.rate_shares(name, network), self.recipe.learning_rate
        return [
            {"params": list(weights), "share": share, "lr": share * rate}
            for share, weights in groupby(network.parameters(), lambda weight: shares.get(weight, 1.0))
        ]

    def rate_shares(self, name: str, network: nn.Module) -> dict[nn.Parameter, float]:
        """Return learning rates that differ from the network's rate, as multiples of it; by default none."""
        return {}

    @abstractmethod
    def plan(self) -> list[Stage]:
        """Return the stages in order."""

    @abstractmethod
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return image grids by name; `samples` are generated from the same codes each time."""

    @abstractmethod
    def encoder(self) -> nn.Module:
        """Return the encoder to publish, in eval mode: RGB float32 (n, 3, h, w) in [0, 1] -> codes (n, latent_size)."""

    @abstractmethod
    def generator(self) -> nn.Module | None:
        """Return the generator to publish, in eval mode, or None: codes (n, latent_size) -> RGB (n, 3, h, w) in [0, 1].

        If the recipe has labels, their values are appended to the codes: (n, latent_size + labels).
        """

    def recovered_codes(self) -> tuple[Tensor, Tensor] | None:
        """Return codes drawn from the prior and the encoder's codes of the pictures generated from them, or None.

        Both float32 (n, latent_size). Families that learn to recover such codes return them once they have begun to;
        the loop compares them, and warns if the encoder leaves the prior. Takes no random numbers from `random`.
        """
        return None

    def attributes(self) -> nn.Module | None:
        """Return the attribute encoder to publish, in eval mode, or None.

        RGB images (n, 3, h, w) in [0, 1] -> label values (n, labels), near 1 or 0.
        """
        return None

    def code_features(self) -> nn.Module | None:
        """Return a network whose features replace the encoder's codes for cosine distance, in eval mode, or None.

        RGB images float32 (n, 3, h, w) in [0, 1] -> features (n, f), f at least latent_size.
        """
        return None

    def invariance(self) -> Alteration | None:
        """Return the alterations that published codes should be invariant to, or None.

        Exported encoders average codes over the views that the alterations allow: the mirror image and the picture's
        middle.
        """
        return None

    def take_labels(self, values: Tensor) -> None:
        """Store the labels of all training images, float32 (n, labels), for sampling; called before the first step."""
        self.values = values.to(self.precision.device)

    def take_generator(self, other: Family) -> None:
        """Start from the generator of another run; raises InputError if the family does not support it."""
        raise InputError("only aegan, direct and icgan start from another run's generator: leave out --generator")

    @contextmanager
    def in_eval_mode(self) -> Iterator[None]:
        """Put all networks into eval mode, and back into training mode at the end."""
        for network in self.networks.values():
            network.eval()
        yield
        for network in self.networks.values():
            network.train()

    def uniform(self, count: int, size: int) -> Tensor:
        """Draw from U(-1, 1): float32 (count, size)."""
        return (torch.rand(count, size, generator=self.random) * 2 - 1).to(self.precision.device)

    def gaussian(self, count: int, size: int) -> Tensor:
        """Draw from N(0, 1): float32 (count, size)."""
        return torch.randn(count, size, generator=self.random).to(self.precision.device)

    def set_rate(self, name: str, rate: float) -> None:
        """Set the learning rate of the optimiser of the network `name`; multiples from `rate_shares` still apply."""
        for group in self.optimisers[name].param_groups:
            group["lr"] = group.get("share", 1.0) * rate

    def falling(self) -> float:
        """Return the learning rate's factor: 1 in the first half of the steps, then falling to 0 along a cosine."""
        return (1 + math.cos(math.pi * max(0.0, 2 * self.progress - 1))) / 2

    def descend(self, loss: Tensor, *names: str) -> None:
        """Backpropagate the loss and take one step with the optimisers of the named networks."""
        for name in names:
            self.optimisers[name].zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        for name in names:
            self.scaler.step(self.optimisers[name])
        self.scaler.update()
