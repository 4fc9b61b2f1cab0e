"""AEGAN: a DCGAN first, then the inverse of its generator (section 3, Tables 3 to 5, Algorithm 1).

AEGAN names no optimiser, learning rate, batch or number of epochs: they are those of DCGAN (Radford et al.) and of the
implementation whose 5x5 kernels and widths AEGAN's tables repeat: Adam at 0.0002, beta1 0.5, batches of 64, 25 epochs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from indexer.decode import CELEBA, Framing
from latentsearch.models.dcgan import Discriminator, Generator, InverseGenerator
from latentsearch.training.average import Average
from latentsearch.training.loop import Stage
from latentsearch.training.losses import discriminator_loss, generator_loss, image_cross_entropy
from latentsearch.training.precision import Precision
from latentsearch.training.sheets import beside

RECALIBRATION_BATCHES = 64


@dataclass(frozen=True)
class Recipe:
    """The sizes and the schedule of one AEGAN run."""

    width: int = 64
    latent_size: int = 100
    batch: int = 64
    generator_epochs: int = 25
    inverse_epochs: int = 25
    learning_rate: float = 2e-4
    beta1: float = 0.5
    average_decay: float = 0.999
    seed: int = 0

    @property
    def framing(self) -> Framing:
        """How pictures become the networks' input."""
        return CELEBA


PRESETS = {
    # Meant for a GPU; not run to its end here.
    "paper": Recipe(),
    # The paper's networks, a schedule for two cores. Half the batch doubles the steps of so few epochs.
    # `latentsearch train aegan celeba -o runs/aegan --preset small`, 20,000 faces: 66 minutes by the speed that
    # `python -m benchmarks training-speed` found on two AVX2 cores (25.6 and 47 images/s; the run that ships had
    # other work beside it and took 96). Agreement @1 and @20 to expect, whitened: 0.782 and 0.767.
    "small": Recipe(batch=32, generator_epochs=4, inverse_epochs=2, average_decay=0.997),
}


def choose_recipe(preset: str, settings: dict[str, Any]) -> Recipe:
    """A preset with the settings that are not None in place of its own."""
    return replace(PRESETS[preset], **{name: value for name, value in settings.items() if value is not None})


class Aegan:
    """The networks, optimisers and two stages of AEGAN. Images are float32 (n, 3, 64, 64) in [0, 1]."""

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        self.recipe, self.precision = recipe, precision
        self.batch, self.seed = recipe.batch, recipe.seed
        torch.manual_seed(recipe.seed)
        self.generator = Generator(recipe.width, recipe.latent_size)
        self.discriminator = Discriminator(recipe.width)
        self.inverse_generator = InverseGenerator(recipe.width, recipe.latent_size)
        self.networks: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "inverse_generator": self.inverse_generator,
        }
        for network in self.networks.values():
            precision.place(network)
        self.average = Average(self.generator, recipe.average_decay)
        self.averages = {"generator": self.average}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam(network.parameters(), recipe.learning_rate, (recipe.beta1, 0.999))
            for name, network in self.networks.items()
        }
        self.scaler = precision.scaler()
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.shown_codes = self.codes(64)
        self.stages = [
            Stage("generator", recipe.generator_epochs, self.generator_step, self.recalibrate),
            Stage("inverse generator", recipe.inverse_epochs, self.inverse_step),
        ]

    @property
    def frozen_generator(self) -> Generator:
        """The averaged generator, which the inverse is learned for and which is published."""
        network = self.average.network
        assert isinstance(network, Generator)
        return network

    def codes(self, count: int) -> Tensor:
        """z ~ U(-1, 1): float32 (count, latent_size)."""
        z = torch.rand(count, self.recipe.latent_size, generator=self.random) * 2 - 1
        return z.to(self.precision.device)

    def generator_step(self, x: Tensor) -> dict[str, Tensor]:
        """One step of D and one of G (AEGAN eq. 4)."""
        with self.precision.autocast():
            fake = self.generator(self.codes(len(x)))
            d_loss = discriminator_loss(self.discriminator(x), self.discriminator(fake.detach()))
        self._descend("discriminator", d_loss)
        self.discriminator.requires_grad_(False)  # its weights need no gradient of G's loss
        with self.precision.autocast():
            g_loss = generator_loss(self.discriminator(fake))
        self._descend("generator", g_loss)
        self.discriminator.requires_grad_(True)
        self.average.update(self.generator)
        return {"discriminator_loss": d_loss.detach(), "generator_loss": g_loss.detach()}

    def inverse_step(self, x: Tensor) -> dict[str, Tensor]:
        """One step of IG on generated images; G is frozen and x, real, only sets their number (Algorithm 1)."""
        with torch.no_grad(), self.precision.autocast():
            generated = self.frozen_generator(self.codes(len(x)))
        with self.precision.autocast():
            loss = image_cross_entropy(generated, self.frozen_generator.logits(self.inverse_generator(generated)))
        self._descend("inverse_generator", loss)
        return {"reconstruction_loss": loss.detach()}

    def _descend(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.step(optimiser)
        self.scaler.update()

    @torch.no_grad()
    def recalibrate(self) -> None:
        """Measure the averaged generator's batch statistics anew: averaged ones lag behind its averaged weights."""
        layers = [layer for layer in self.frozen_generator.modules() if isinstance(layer, nn.BatchNorm2d)]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative mean
        self.frozen_generator.train()
        for _ in range(RECALIBRATION_BATCHES):
            self.frozen_generator(self.codes(self.batch))
        self.frozen_generator.eval()

    @torch.no_grad()
    def sheets(self, pictures: Tensor) -> dict[str, Tensor]:
        """Samples from the same codes each time, and generated and real pictures beside their reconstructions."""
        samples = self.frozen_generator(self.shown_codes)
        self.inverse_generator.eval()
        originals = torch.cat([samples[:32], pictures])
        reconstructions = self.frozen_generator(self.inverse_generator(originals))
        self.inverse_generator.train()
        return {"samples": samples, "reconstructions": beside(originals, reconstructions)}
