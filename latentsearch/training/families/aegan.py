"""AEGAN: a DCGAN first, then the inverse of its generator (section 3, Tables 3 to 5, Algorithm 1).

AEGAN names no optimiser, learning rate, batch or number of epochs: they are those of DCGAN (Radford et al.) and of the
implementation whose 5x5 kernels and widths AEGAN's tables repeat: Adam at 0.0002, beta1 0.5, batches of 64, 25 epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from indexer.errors import InputError
from latentsearch.models.dcgan import Discriminator, Generator, InverseGenerator
from latentsearch.training.engine import family
from latentsearch.training.engine.ema import Ema, recalibrate
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import discriminator_loss, generator_loss, image_cross_entropy
from latentsearch.training.engine.precision import Precision


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and the schedule of one AEGAN run."""

    width: int = 64
    generator_epochs: int = 25
    inverse_epochs: int = 25
    average_decay: float = 0.999


PICTURES = {
    # Meant for a GPU: `latentsearch train aegan celeba -o runs/aegan --preset paper`, 20,000 faces: 185 s on an NVIDIA
    # H200 with 13 other runs beside it. Similarity of reconstructions (`python -m benchmarks reconstruction`): 0.881 of
    # generated faces, 0.829 of real ones.
    "paper": Recipe(),
    # The paper's networks, a schedule for two cores. Half the batch doubles the steps of so few epochs.
    # `latentsearch train aegan celeba -o runs/aegan --preset small`, 20,000 faces: 66 minutes by the speed that
    # `python -m benchmarks training-speed` found on two AVX2 cores (25.6 and 47 images/s; the run that ships had
    # other work beside it and took 96). Agreement @1 and @20 to expect, whitened: 0.782 and 0.767.
    "small": Recipe(batch=32, generator_epochs=4, inverse_epochs=2, average_decay=0.997),
}
PRESETS = {"pictures": PICTURES}


class Aegan(Family):
    """The networks and two stages of AEGAN. Images are float32 (n, 3, 64, 64) in [0, 1]."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.shown_codes = self.codes(64)

    def build_networks(self) -> dict[str, nn.Module]:
        """G, D and IG (Tables 3 to 5)."""
        width, latent_size = self.recipe.width, self.recipe.latent_size
        self.generator_network = Generator(width, latent_size)
        self.discriminator = Discriminator(width)
        self.inverse_generator = InverseGenerator(width, latent_size)
        return {
            "generator": self.generator_network,
            "discriminator": self.discriminator,
            "inverse_generator": self.inverse_generator,
        }

    def make_emas(self) -> dict[str, Ema]:
        """The averaged generator, which the inverse is learned for and which is published."""
        self.ema = Ema(self.generator_network, self.recipe.average_decay)
        return {"generator": self.ema}

    def plan(self) -> list[Stage]:
        """The generator first, then its inverse (section 3.2)."""
        return [
            Stage("generator", self.recipe.generator_epochs, self.generator_step, self.recalibrate),
            Stage("inverse generator", self.recipe.inverse_epochs, self.inverse_step),
        ]

    def encoder(self) -> nn.Module:
        """IG."""
        return self.inverse_generator.eval()

    def generator(self) -> Generator:
        """The averaged G."""
        network = self.ema.network
        assert isinstance(network, Generator)
        return network

    def take_generator(self, other: Family) -> None:
        """Start from the G of a finished AEGAN run. Raises InputError when that is another family's."""
        if not isinstance(other, Aegan):
            raise InputError("--generator needs a run of aegan")
        self.generator_network.load_state_dict(other.generator_network.state_dict())
        self.discriminator.load_state_dict(other.discriminator.state_dict())
        self.generator().load_state_dict(other.generator().state_dict())

    def codes(self, count: int) -> Tensor:
        """z ~ U(-1, 1): float32 (count, latent_size)."""
        return self.uniform(count, self.recipe.latent_size)

    def generator_step(self, x: Tensor) -> dict[str, Tensor]:
        """One step of D and one of G (AEGAN eq. 4)."""
        with self.precision.autocast():
            fake = self.generator_network(self.codes(len(x)))
            d_loss = discriminator_loss(self.discriminator(x), self.discriminator(fake.detach()))
        self.descend(d_loss, "discriminator")
        self.discriminator.requires_grad_(False)  # its weights need no gradient of G's loss
        with self.precision.autocast():
            g_loss = generator_loss(self.discriminator(fake))
        self.descend(g_loss, "generator")
        self.discriminator.requires_grad_(True)
        self.ema.update(self.generator_network)
        return {"discriminator_loss": d_loss.detach(), "generator_loss": g_loss.detach()}

    def inverse_step(self, x: Tensor) -> dict[str, Tensor]:
        """One step of IG on generated images; G is frozen and x, real, only sets their number (Algorithm 1)."""
        z = self.codes(len(x))
        with torch.no_grad(), self.precision.autocast():
            generated = self.generator()(z)
        with self.precision.autocast():
            loss = self.inverse_loss(z, generated, self.inverse_generator(generated))
        self.descend(loss, "inverse_generator")
        return {"reconstruction_loss": loss.detach()}

    def inverse_loss(self, z: Tensor, generated: Tensor, z_hat: Tensor) -> Tensor:
        """Cross-entropy between x = G(z) and x' = G(z'), z' = IG(x) (eq. 7)."""
        return image_cross_entropy(generated, self.generator().logits(z_hat))

    def recalibrate(self) -> None:
        """Measure the averaged generator's batch statistics anew."""
        recalibrate(self.generator(), lambda: self.codes(self.batch))

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Samples from the same codes each time, and generated and real pictures beside their reconstructions."""
        samples = self.generator()(self.shown_codes)
        self.inverse_generator.eval()
        originals = torch.cat([samples[:32], pictures])
        reconstructions = self.generator()(self.inverse_generator(originals))
        self.inverse_generator.train()
        return {"samples": samples, "reconstructions": beside(originals, reconstructions)}


FAMILY = Aegan
