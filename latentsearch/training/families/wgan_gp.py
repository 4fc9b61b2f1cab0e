"""WGAN-GP with the networks of "Impact of the latent space on the ability of GANs to fit the distribution" (Table 1).

Gulrajani et al. (2017, Algorithm 1): a critic that is trained five steps for one of the generator and whose gradient is
held to the length 1 between real and generated images. It learns no encoder: codes are found by optimisation
(latentsearch.inversion.optimise, eq. 5 of the paper). What the paper leaves open is Gulrajani's: batches of 64, a
penalty of 10.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from indexer.encoders.framing import Framing
from indexer.errors import InputError
from latentsearch.models.wgan import Generator, Reader
from latentsearch.training.engine import family
from latentsearch.training.engine.ema import Ema, recalibrate
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.losses import gradient_penalty
from latentsearch.training.engine.precision import Precision
from latentsearch.training.families.wgan_images import FRAMINGS, SIZES, FromNetwork, ToNetwork

SHOWN = 64


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and the schedule of one run, as the supplement of the paper has them.

    data: "pictures", "cifar10" or "digits"; width: see latentsearch.models.wgan; average_decay: 0 for
    no moving average; first_layer_rate: the learning rate of the layer that reads codes, as a multiple of the others'.
    """

    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    data: str = "pictures"
    width: int = 128
    critic_steps: int = 5
    penalty: float = 10.0
    # 80,000 generator steps, each on five batches of 64, of the 162,079 faces that 80 % of CelebA are.
    epochs: int = 158
    average_decay: float = 0.0
    first_layer_rate: float = 1.0

    @property
    def framing(self) -> Framing:
        """How pictures become the networks' input."""
        return FRAMINGS[self.data]

    @property
    def step_size(self) -> int:
        """A step is one of the generator and has a batch for each of the critic's."""
        return self.batch * self.critic_steps


# Meant for a GPU; not run to their end here.
PICTURES = Recipe()
CIFAR10 = replace(PICTURES, data="cifar10", epochs=512)
DIGITS = replace(PICTURES, data="digits", epochs=428)
# `latentsearch train wgan-gp mnist.npz -o RUN --preset small --threads 1`: 750 steps. Widths are the least whose
# narrowest layer holds 1,000 numbers, for pictures twice that (see docs/decisions.md).
SMALL = replace(PICTURES, batch=16, learning_rate=1e-3, average_decay=0.99)
# A code of many numbers reaches every place of the first layer by other weights, which learn late to draw one digit
# together. The distance of benchmarks.experiments.latent_size.quality after one epoch, seed 0, that layer at the rate
# of the others and at 3 times it: 37.4 and 34.0 for 10 numbers, 25.8 and 25.9 for 50, 37.4 and 31.9 for 1,000. For
# 1,000 at 0.05 times 61.9, at 5 times 36.1, at 10 times 36.7; at 3 times with the whole generator at twice its rate
# 37.7.
# Over three seeds it is worse for 10 and 50 numbers and flat: see docs/decisions.md.
SMALL_DIGITS = replace(SMALL, data="digits", width=8, epochs=1, first_layer_rate=3.0)
PRESETS = {
    "pictures": {"paper": PICTURES, "small": replace(SMALL, width=8, epochs=4)},
    "cifar10": {"paper": CIFAR10, "small": replace(SMALL, data="cifar10", width=8, epochs=10)},
    "digits": {"paper": DIGITS, "small": SMALL_DIGITS},
}


class WganGp(Family):
    """The generator and the critic. Images are float32 (n, 3, h, w) in [0, 1], to the networks in [-1, 1]."""

    recipe: Recipe
    prior = "gaussian"

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.prepare, self.finish = ToNetwork(recipe.data), FromNetwork(recipe.data)
        self.shown_codes = self.codes(SHOWN)

    def build_networks(self) -> dict[str, nn.Module]:
        """G and D (Table 1)."""
        recipe = self.recipe
        self.generator_network = Generator(recipe.width, recipe.latent_size, *SIZES[recipe.data])
        self.critic = Reader(recipe.width, 1, *SIZES[recipe.data])
        return {"generator": self.generator_network, "critic": self.critic}

    def make_emas(self) -> dict[str, Ema]:
        """The averaged generator, which is published, where the recipe asks for one."""
        decay = self.recipe.average_decay
        return {"generator": Ema(self.generator_network, decay)} if decay else {}

    def make_optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """Adam as Gulrajani et al. set it, but for the rate of the layer that reads codes."""
        recipe = self.recipe
        weights = self.weight_groups(name, network)
        return torch.optim.Adam(weights, recipe.learning_rate, (recipe.beta1, recipe.beta2), fused=True)

    def rate_shares(self, name: str, network: nn.Module) -> dict[nn.Parameter, float]:
        """The recipe's, of the generator's first layer."""
        return {next(network.parameters()): self.recipe.first_layer_rate} if name == "generator" else {}

    def plan(self) -> list[Stage]:
        """Both together."""
        return [Stage("wgan-gp", self.recipe.epochs, self.step, self.recalibrate)]

    def encoder(self) -> nn.Module:
        """There is none. Raises InputError."""
        raise InputError(
            "wgan-gp learns no encoder, so there is nothing to index with: train autoencoder --mirrored with the same "
            "latent size, or find codes through the generator, as `python -m benchmarks latent-size` does"
        )

    def generator(self) -> nn.Module:
        """G, its average where there is one, and its images as RGB in [0, 1]."""
        return nn.Sequential(self.published(), self.finish).eval()

    def published(self) -> nn.Module:
        """G itself, averaged where there is an average: codes -> images in [-1, 1]."""
        ema = self.emas.get("generator")
        return ema.network if ema else self.generator_network

    def codes(self, count: int) -> Tensor:
        """z ~ N(0, 1): float32 (count, latent_size)."""
        return self.gaussian(count, self.recipe.latent_size)

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """A step of the critic on each of the batches that x is made of, then one of the generator."""
        for real in torch.split(self.prepare(x), self.recipe.batch):
            losses = self.critic_step(real)
        return losses | {"generator_loss": self.generator_step()}

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        """D(G(z)) - D(x) + penalty (Gulrajani, eq. 3): minus the first two is the estimated Wasserstein distance."""
        count = len(real)
        shares = torch.rand(count, generator=self.random).to(self.precision.device)
        with self.precision.autocast():
            with torch.no_grad():
                fake = self.generator_network(self.codes(count))
            judged = self.critic(torch.cat([real, fake]))
            difference = judged[count:].mean() - judged[:count].mean()
            penalty = gradient_penalty(self.critic, real, fake, shares)
        self.descend(difference + self.recipe.penalty * penalty, "critic")
        return {"critic_loss": difference.detach(), "penalty": penalty.detach()}

    def generator_step(self) -> Tensor:
        """-D(G(z))."""
        self.critic.requires_grad_(False)  # its weights need no gradient of G's loss
        with self.precision.autocast():
            loss: Tensor = -self.critic(self.generator_network(self.codes(self.recipe.batch))).mean()
        self.descend(loss, "generator")
        self.critic.requires_grad_(True)
        for ema in self.emas.values():
            ema.update(self.generator_network)
        return loss.detach()

    def recalibrate(self) -> None:
        """Measure the averaged generator's batch statistics anew."""
        for ema in self.emas.values():
            recalibrate(ema.network, lambda: self.codes(self.recipe.batch))

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Samples of the same codes each time."""
        samples = self.generator()(self.shown_codes)
        self.generator_network.train()
        return {"samples": samples}


FAMILY = WganGp
