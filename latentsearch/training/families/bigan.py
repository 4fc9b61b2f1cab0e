"""BiGAN without labels, as AEGAN compares itself with it: E and G against one joint discriminator (AEGAN eq. 1).

AEGAN names no optimiser, learning rate, batch or number of epochs: DCGAN's, as for its own networks (see aegan.py).

Table 6 has batch normalisation at 1x1 too. There it takes from the pairs of a batch what they have in common, and no
gradient tells G to make all of its pictures more like real ones: after 700 steps they were still grey where real and
generated pairs were judged one after the other, and after 300 worse where they were judged in one batch. The `paper`
preset has it all the same; the `small` one has none there (`normalise_last`).
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
    """The sizes and the schedule of one BiGAN run. normalise_last: whether D has batch normalisation at 1x1."""

    width: int = 64
    epochs: int = 25
    average_decay: float = 0.999
    normalise_last: bool = True


PRESETS = {
    "pictures": {
        # Meant for a GPU: 205 s on an NVIDIA H200 with 13 other runs beside it, 20,000 faces. Similarity of
        # reconstructions: 0.804 of generated faces, whose diversity is 0.72 of real ones', and 0.655 of real ones.
        "paper": Recipe(),
        # `latentsearch train bigan celeba -o runs/bigan --preset small --threads 1`, 20,000 faces: 36 minutes on one
        # AVX2 core with other work beside it. Similarity of reconstructions to expect (`python -m benchmarks
        # reconstruction`): 0.625, where random pairs of its pictures have 0.591.
        "small": Recipe(width=24, batch=32, epochs=4, average_decay=0.997, normalise_last=False),
    }
}


class Bigan(Family):
    """The networks and the one stage of BiGAN. Images are float32 (n, 3, 64, 64) in [0, 1]."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.shown_codes = self.uniform(64, recipe.latent_size)

    def build_networks(self) -> dict[str, nn.Module]:
        """G, E and D (Tables 3, 5 and 6)."""
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
        """Averages of G and E: they were trained together, so they are published together."""
        decay = self.recipe.average_decay
        self.generator_ema = Ema(self.generator_network, decay)
        self.encoder_ema = Ema(self.encoder_network, decay)
        return {"generator": self.generator_ema, "encoder": self.encoder_ema}

    def plan(self) -> list[Stage]:
        """All three networks together."""
        return [Stage("encoder and generator", self.recipe.epochs, self.step, self.recalibrate)]

    def encoder(self) -> nn.Module:
        """The averaged E."""
        return self.encoder_ema.network

    def generator(self) -> nn.Module:
        """The averaged G."""
        return self.generator_ema.network

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """One step of D and one of G and E together (AEGAN eq. 1)."""
        z = self.uniform(len(x), self.recipe.latent_size)
        with self.precision.autocast():
            codes, fake = self.encoder_network(x), self.generator_network(z)
            real_logits = self.discriminator(x, codes.detach())
            d_loss = discriminator_loss(real_logits, self.discriminator(fake.detach(), z))
        self.descend(d_loss, "discriminator")
        self.discriminator.requires_grad_(False)  # its weights need no gradient of the others' loss
        with self.precision.autocast():
            # The form that does not saturate: the labels exchanged, -log(1 - D(x, E(x))) - log D(G(z), z).
            joint_loss = discriminator_loss(self.discriminator(fake, z), self.discriminator(x, codes))
        self.descend(joint_loss, "generator", "encoder")
        self.discriminator.requires_grad_(True)
        self.follow(x)
        return {"discriminator_loss": d_loss.detach(), "joint_loss": joint_loss.detach()}

    @torch.no_grad()
    def follow(self, x: Tensor) -> None:
        """Move the averages; E's also reads x, so that its batch statistics are those of its own weights."""
        self.generator_ema.update(self.generator_network)
        self.encoder_ema.update(self.encoder_network)
        with self.precision.autocast():
            self.encoder_ema.network.train()(x)
        self.encoder_ema.network.eval()

    def recalibrate(self) -> None:
        """Measure the averaged generator's batch statistics anew."""
        recalibrate(self.generator(), lambda: self.uniform(self.batch, self.recipe.latent_size))

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Samples from the same codes each time, and generated and real pictures beside their reconstructions."""
        samples = self.generator()(self.shown_codes)
        originals = torch.cat([samples[:32], pictures])
        reconstructions = self.generator()(self.encoder()(originals))
        return {"samples": samples, "reconstructions": beside(originals, reconstructions)}


FAMILY = Bigan
