"""WGAN-GP with the networks of "Impact of the latent space on the ability of GANs to fit the distribution" (Table 1).

In Algorithm 1 of Gulrajani et al. (2017), the critic takes five steps for each step of the generator, and a penalty
keeps the norm of its gradient near 1 between real and generated images. There is no encoder: codes are found by
optimisation (latentsearch.inversion.optimise, eq. 5 of the paper). The batch size of 64 and the penalty's weight of 10
are from Gulrajani et al., as the paper does not state them.
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
    """The sizes and schedule of a run; the defaults are those of the paper's supplement.

    data: "pictures", "cifar10" or "digits". width: see latentsearch.models.wgan. average_decay: 0 for no moving
    average. first_layer_rate: learning rate of the generator's first layer, as a multiple of the other layers' rate.
    """

    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    data: str = "pictures"
    width: int = 128
    critic_steps: int = 5
    penalty: float = 10.0
    # 80,000 generator steps, each on five batches of 64, for 162,079 faces (80 % of CelebA).
    epochs: int = 158
    average_decay: float = 0.0
    first_layer_rate: float = 1.0

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the networks' input."""
        return FRAMINGS[self.data]

    @property
    def step_size(self) -> int:
        """The number of images per generator step: one batch for each of the critic's steps."""
        return self.batch * self.critic_steps


# For a GPU; never run to the end.
PICTURES = Recipe()
CIFAR10 = replace(PICTURES, data="cifar10", epochs=512)
DIGITS = replace(PICTURES, data="digits", epochs=428)
# Command: `latentsearch train wgan-gp mnist.npz -o RUN --preset small --threads 1`, 750 steps of the generator.
# The widths are the smallest whose narrowest layer has at least 1,000 units, twice that for pictures. For digits, a
# faster first layer helps large codes: see "What was tried for the training presets" in docs/decisions.md.
SMALL = replace(PICTURES, batch=16, learning_rate=1e-3, average_decay=0.99)
SMALL_DIGITS = replace(SMALL, data="digits", width=8, epochs=1, first_layer_rate=3.0)
PRESETS = {
    "pictures": {"paper": PICTURES, "small": replace(SMALL, width=8, epochs=4)},
    "cifar10": {"paper": CIFAR10, "small": replace(SMALL, data="cifar10", width=8, epochs=10)},
    "digits": {"paper": DIGITS, "small": SMALL_DIGITS},
}


class WganGp(Family):
    """The generator and the critic. Images are float32 (n, 3, h, w) in [0, 1]; the networks see them in [-1, 1]."""

    recipe: Recipe
    prior = "gaussian"

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.prepare, self.finish = ToNetwork(recipe.data), FromNetwork(recipe.data)
        self.shown_codes = self.codes(SHOWN)

    def build_networks(self) -> dict[str, nn.Module]:
        """Build G and D (Table 1)."""
        recipe = self.recipe
        self.generator_network = Generator(recipe.width, recipe.latent_size, *SIZES[recipe.data])
        self.critic = Reader(recipe.width, 1, *SIZES[recipe.data])
        return {"generator": self.generator_network, "critic": self.critic}

    def make_emas(self) -> dict[str, Ema]:
        """Average the generator if average_decay is not 0; the average is published."""
        decay = self.recipe.average_decay
        return {"generator": Ema(self.generator_network, decay)} if decay else {}

    def make_optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """Create Adam with the parameters of Gulrajani et al.; the generator's first layer has its own rate."""
        recipe = self.recipe
        weights = self.weight_groups(name, network)
        return torch.optim.Adam(weights, recipe.learning_rate, (recipe.beta1, recipe.beta2), fused=True)

    def rate_shares(self, name: str, network: nn.Module) -> dict[nn.Parameter, float]:
        """Return the recipe's first_layer_rate for the generator's first layer."""
        return {next(network.parameters()): self.recipe.first_layer_rate} if name == "generator" else {}

    def plan(self) -> list[Stage]:
        """Train both together."""
        return [Stage("wgan-gp", self.recipe.epochs, self.step, self.recalibrate)]

    def encoder(self) -> nn.Module:
        """Raise InputError: WGAN-GP has no encoder."""
        raise InputError(
            "wgan-gp learns no encoder, so there is nothing to index with: train autoencoder --mirrored with the same "
            "latent size, or find codes through the generator, as `python -m benchmarks latent-size` does"
        )

    def generator(self) -> nn.Module:
        """Return G, averaged if there is an average: codes -> RGB images in [0, 1]."""
        return nn.Sequential(self.published(), self.finish).eval()

    def published(self) -> nn.Module:
        """Return G before the conversion to RGB, averaged if there is an average: codes -> images in [-1, 1]."""
        ema = self.emas.get("generator")
        return ema.network if ema else self.generator_network

    def codes(self, count: int) -> Tensor:
        """Draw z ~ N(0, 1): float32 (count, latent_size)."""
        return self.gaussian(count, self.recipe.latent_size)

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """Take a step of the critic on each of the batches in x, then one of the generator."""
        for real in torch.split(self.prepare(x), self.recipe.batch):
            losses = self.critic_step(real)
        return losses | {"generator_loss": self.generator_step()}

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        """Take a step on D(G(z)) - D(x) + penalty (Gulrajani et al., eq. 3).

        The negated first two terms, -critic_loss, estimate the Wasserstein distance.
        """
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
        """Take a step on -D(G(z))."""
        self.critic.requires_grad_(False)  # G's loss does not need gradients of the critic's weights
        with self.precision.autocast():
            loss: Tensor = -self.critic(self.generator_network(self.codes(self.recipe.batch))).mean()
        self.descend(loss, "generator")
        self.critic.requires_grad_(True)
        for ema in self.emas.values():
            ema.update(self.generator_network)
        return loss.detach()

    def recalibrate(self) -> None:
        """Recompute the averaged generator's batch statistics."""
        for ema in self.emas.values():
            recalibrate(ema.network, lambda: self.codes(self.recipe.batch))

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return samples from fixed codes."""
        samples = self.generator()(self.shown_codes)
        self.generator_network.train()
        return {"samples": samples}


FAMILY = WganGp
