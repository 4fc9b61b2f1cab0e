"""AEGAN: train a DCGAN, then an inverse of its generator (section 3, Tables 3 to 5, Algorithm 1).

AEGAN states no optimiser, learning rate, batch size or number of epochs. This module uses those of DCGAN (Radford et
al.) and of the DCGAN implementation that has AEGAN's 5x5 kernels and widths: Adam at 0.0002, beta1 0.5, batches of 64,
25 epochs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from indexer.errors import InputError
from latentsearch.models.dcgan import Discriminator, Generator, InverseGenerator
from latentsearch.training.datasets.transforms import mirrored
from latentsearch.training.engine import family
from latentsearch.training.engine.divergence import VARIANCE
from latentsearch.training.engine.ema import Ema, recalibrate
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import (
    discriminator_loss,
    generator_loss,
    image_cross_entropy,
    lazy_penalty,
)
from latentsearch.training.engine.precision import Precision


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and schedule of an AEGAN run.

    inverse_epochs: epochs of the inverse generator's stage. flip: whether each real picture is mirrored with
    probability 1/2. r1: the weight of D's gradient penalty on real pictures, 0 for none. normalised: whether D has
    batch normalisation, as in Table 4.

    Of the inverse generator: inverse_learning_rate: its Adam's. annealed: whether this rate falls to 0 along a cosine.
    small_start: whether the initial weights of the last layer are a tenth of DCGAN's, which keeps the Tanh from
    saturating in the first steps. code_weight: the weight of z's squared error beside eq. 7. length_weight: the weight
    of `length_error`, because the code of least squared error is too short. real_share: real pictures in a batch, as a
    share of the generated ones; they count in eq. 7 and in the length.
    """

    width: int = 64
    generator_epochs: int = 25
    inverse_epochs: int = 25
    average_decay: float = 0.999
    flip: bool = False
    r1: float = 0.0
    normalised: bool = True
    inverse_learning_rate: float = 2e-4
    annealed: bool = False
    small_start: bool = False
    code_weight: float = 0.0
    length_weight: float = 0.0
    real_share: float = 0.0


PICTURES = {
    # Command: `latentsearch train aegan celeba -o runs/aegan --preset paper`, 20,000 faces.
    # Time: 185 s on an NVIDIA H200 shared with 13 other runs.
    # Similarity of reconstructions (`python -m benchmarks reconstruction`): generated faces 0.881, real ones 0.829.
    "paper": Recipe(),
    # For two cores: D without normalisation and with a gradient penalty, and an inverse that is kept within the prior.
    # The bundle `aegan` was trained so, in three runs (see its card): 10 epochs of G with r1=1 and a learning rate of
    # 2e-4, 8 with those below, and the inverse.
    # Time: 118 minutes on one core of a busy machine.
    # Scores: `python -m benchmarks inversion`.
    "small": Recipe(
        width=48,
        batch=32,
        learning_rate=4e-4,
        generator_epochs=16,
        inverse_epochs=8,
        flip=True,
        r1=0.05,
        normalised=False,
        inverse_learning_rate=1e-3,
        annealed=True,
        small_start=True,
        code_weight=0.5,
        length_weight=0.2,
        real_share=0.25,
    ),
}
PRESETS = {"pictures": PICTURES}


class Aegan(Family):
    """AEGAN's networks and two stages. Images are float32 (n, 3, 64, 64) in [0, 1]."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.shown_codes = self.codes(64)

    def build_networks(self) -> dict[str, nn.Module]:
        """Build G, D and IG (Tables 3 to 5)."""
        width, latent_size = self.recipe.width, self.recipe.latent_size
        self.generator_network = Generator(width, latent_size)
        self.discriminator = Discriminator(width, self.recipe.normalised)
        self.inverse_generator = InverseGenerator(width, latent_size)
        if self.recipe.small_start:
            self.inverse_generator.shrink_last_layer()
        return {
            "generator": self.generator_network,
            "discriminator": self.discriminator,
            "inverse_generator": self.inverse_generator,
        }

    def make_emas(self) -> dict[str, Ema]:
        """Average the generator; the inverse is trained on the average, which is also the published generator."""
        self.ema = Ema(self.generator_network, self.recipe.average_decay)
        return {"generator": self.ema}

    def plan(self) -> list[Stage]:
        """Train the generator, then its inverse (section 3.2)."""
        return [
            Stage("generator", self.recipe.generator_epochs, self.generator_step, self.recalibrate),
            Stage("inverse generator", self.recipe.inverse_epochs, self.inverse_step),
        ]

    def encoder(self) -> nn.Module:
        """Return IG."""
        return self.inverse_generator.eval()

    def generator(self) -> Generator:
        """Return the averaged G."""
        network = self.ema.network
        assert isinstance(network, Generator)
        return network

    def take_generator(self, other: Family) -> None:
        """Start from G and D of a finished AEGAN run; raises InputError if `other` is another family."""
        if not isinstance(other, Aegan):
            raise InputError("--generator needs a run of aegan")
        self.generator_network.load_state_dict(other.generator_network.state_dict())
        self.discriminator.load_state_dict(other.discriminator.state_dict())
        self.generator().load_state_dict(other.generator().state_dict())

    def codes(self, count: int) -> Tensor:
        """Draw z ~ U(-1, 1): float32 (count, latent_size)."""
        return self.uniform(count, self.recipe.latent_size)

    def generator_step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of D and one of G (AEGAN eq. 4)."""
        if self.recipe.flip:
            x = mirrored(x, self.random)
        with self.precision.autocast():
            fake = self.generator_network(self.codes(len(x)))
            d_loss = discriminator_loss(self.discriminator(x), self.discriminator(fake.detach()))
        penalty = lazy_penalty(self.discriminator, x, self.recipe.r1, self.ema.steps)
        self.descend(d_loss + penalty, "discriminator")
        self.discriminator.requires_grad_(False)  # G's loss does not need gradients of D's weights
        with self.precision.autocast():
            g_loss = generator_loss(self.discriminator(fake))
        self.descend(g_loss, "generator")
        self.discriminator.requires_grad_(True)
        self.ema.update(self.generator_network)
        return {"discriminator_loss": d_loss.detach(), "generator_loss": g_loss.detach()}

    def inverse_step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of IG on images from the frozen G (Algorithm 1), and on a few of x if the recipe says so."""
        z, recipe = self.codes(len(x)), self.recipe
        real = x[: round(recipe.real_share * len(x))]
        with torch.no_grad(), self.precision.autocast():
            images = torch.cat([self.generator()(z), mirrored(real, self.random) if recipe.flip else real])
        with self.precision.autocast():
            z_hat = self.inverse_generator(images)
            loss = self.inverse_loss(z, images, z_hat)
        falling = (1 + math.cos(math.pi * self.progress)) / 2 if recipe.annealed else 1.0
        self.set_rate("inverse_generator", falling * recipe.inverse_learning_rate)
        self.descend(loss, "inverse_generator")
        return {"reconstruction_loss": loss.detach()}

    def inverse_loss(self, z: Tensor, generated: Tensor, z_hat: Tensor) -> Tensor:
        """Return the cross-entropy between x = G(z) and x' = G(z'), where z' = IG(x) (AEGAN eq. 7).

        z: the codes of the first images. If the recipe has a code_weight, z's squared error is added: different codes
        of nearly equal pictures make eq. 7 alone drift to the prior's corners.
        """
        loss = image_cross_entropy(generated, self.generator().logits(z_hat))
        if self.recipe.code_weight:
            loss = loss + self.recipe.code_weight * mse_loss(z_hat[: len(z)].float(), z)
        if self.recipe.length_weight:
            loss = loss + self.recipe.length_weight * length_error(z_hat.float())
        return loss

    def recovered_codes(self) -> tuple[Tensor, Tensor] | None:
        """Return drawn codes and IG's codes of their pictures, once IG is being trained."""
        if not self.optimisers["inverse_generator"].state:
            return None
        with self.in_eval_mode():
            return self.shown_codes, self.inverse_generator(self.generator()(self.shown_codes))

    def recalibrate(self) -> None:
        """Recompute the averaged generator's batch statistics."""
        recalibrate(self.generator(), lambda: self.codes(self.batch))

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return samples from fixed codes, and generated and real pictures next to their reconstructions."""
        samples = self.generator()(self.shown_codes)
        originals = torch.cat([samples[:32], pictures])
        with self.in_eval_mode():
            reconstructions = self.generator()(self.inverse_generator(originals))
        return {"samples": samples, "reconstructions": beside(originals, reconstructions)}


def length_error(z: Tensor) -> Tensor:
    """(|z|^2 / d / variance - 1)^2 of codes (n, d), averaged, with the variance of U(-1, 1)."""
    return (z.square().mean(1) / VARIANCE["uniform"] - 1).square().mean()


FAMILY = Aegan
