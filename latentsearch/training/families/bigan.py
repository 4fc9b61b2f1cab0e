"""BiGAN without labels, AEGAN's baseline: E and G are trained against one joint discriminator (AEGAN eq. 1).

AEGAN states no optimiser, learning rate, batch size or number of epochs; this module uses DCGAN's, as aegan.py does.

Table 6 also has batch normalisation after the last convolution, whose output is 1x1. This layer removes the component
that all pairs of a batch share, so that G gets no gradient to make all of its images more realistic at once. The
`paper` preset keeps the layer; `small` does not (`normalise_last`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentsearch.models.bigan import JointDiscriminator
from latentsearch.models.dcgan import Generator, InverseGenerator
from latentsearch.training.engine import family
from latentsearch.training.engine.ema import Ema, recalibrate
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import discriminator_loss
from latentsearch.training.engine.precision import Precision


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and schedule of a BiGAN run. normalise_last: whether D has batch normalisation at 1x1."""

    width: int = 64
    epochs: int = 25
    average_decay: float = 0.999
    normalise_last: bool = True


PRESETS = {
    "pictures": {
        # Command: `latentsearch train bigan celeba -o runs/bigan --preset paper`, 20,000 faces.
        # Time: 205 s on an NVIDIA H200 shared with 13 other runs.
        # Similarity of reconstructions (`python -m benchmarks reconstruction`): generated faces 0.804, real ones 0.655.
        # Generated faces have 0.72 of the diversity of real ones.
        "paper": Recipe(),
        # Command: `latentsearch train bigan celeba -o runs/bigan --preset small --threads 1`, 20,000 faces.
        # Time and score are those of half the width (24): 36 minutes on one AVX2 core of a busy machine; similarity of
        # reconstructions (`python -m benchmarks reconstruction`): 0.625; random pairs of its pictures have 0.591. The
        # width is that of the AEGAN with which it is compared.
        "small": Recipe(width=48, batch=32, epochs=4, average_decay=0.997, normalise_last=False),
    }
}


class Bigan(Family):
    """BiGAN's networks and only stage. Images are float32 (n, 3, 64, 64) in [0, 1]."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.shown_codes = self.uniform(64, recipe.latent_size)

    def build_networks(self) -> dict[str, nn.Module]:
        """Build G, E and D (Tables 3, 5 and 6)."""
        width, latent_size = self.recipe.width, self.recipe.latent_size
        self.generator_network = Generator(width, latent_size)
        self.encoder_network = InverseGenerator(width, latent_size)
        self.discriminator = JointDiscriminator(width, latent_size, self.recipe.normalise_last)
        return {
            "generator": self.generator_network,
            "encoder": self.encoder_network,
            "discriminator": self.discriminator,
        }

    def make_emas(self) -> dict[str, Ema]:
        """Average G and E, which are published: they are trained together, so both are averaged."""
        decay = self.recipe.average_decay
        self.generator_ema = Ema(self.generator_network, decay)
        self.encoder_ema = Ema(self.encoder_network, decay)
        return {"generator": self.generator_ema, "encoder": self.encoder_ema}

    def plan(self) -> list[Stage]:
        """Train all three networks together."""
        return [Stage("encoder and generator", self.recipe.epochs, self.step, self.recalibrate)]

    def encoder(self) -> nn.Module:
        """Return the averaged E."""
        return self.encoder_ema.network

    def generator(self) -> nn.Module:
        """Return the averaged G."""
        return self.generator_ema.network

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of D and one of G and E together (AEGAN eq. 1)."""
        z = self.uniform(len(x), self.recipe.latent_size)
        with self.precision.autocast():
            codes, fake = self.encoder_network(x), self.generator_network(z)
            real_logits = self.discriminator(x, codes.detach())
            d_loss = discriminator_loss(real_logits, self.discriminator(fake.detach(), z))
        self.descend(d_loss, "discriminator")
        self.discriminator.requires_grad_(False)  # the joint loss does not need gradients of D's weights
        with self.precision.autocast():
            # The non-saturating form has the labels exchanged: -log(1 - D(x, E(x))) - log D(G(z), z).
            joint_loss = discriminator_loss(self.discriminator(fake, z), self.discriminator(x, codes))
        self.descend(joint_loss, "generator", "encoder")
        self.discriminator.requires_grad_(True)
        self.follow(x)
        return {"discriminator_loss": d_loss.detach(), "joint_loss": joint_loss.detach()}

    @torch.no_grad()
    def follow(self, x: Tensor) -> None:
        """Update the averages; the averaged E also encodes x, so that its batch statistics match its weights."""
        self.generator_ema.update(self.generator_network)
        self.encoder_ema.update(self.encoder_network)
        with self.precision.autocast():
            self.encoder_ema.network.train()(x)
        self.encoder_ema.network.eval()

    def recovered_codes(self) -> tuple[Tensor, Tensor]:
        """Return drawn codes and the averaged E's codes of their pictures."""
        return self.shown_codes, self.encoder()(self.generator()(self.shown_codes))

    def recalibrate(self) -> None:
        """Recompute the averaged generator's batch statistics."""
        recalibrate(self.generator(), lambda: self.uniform(self.batch, self.recipe.latent_size))

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return samples from fixed codes, and generated and real pictures next to their reconstructions."""
        samples = self.generator()(self.shown_codes)
        originals = torch.cat([samples[:32], pictures])
        reconstructions = self.generator()(self.encoder()(originals))
        return {"samples": samples, "reconstructions": beside(originals, reconstructions)}


FAMILY = Bigan
