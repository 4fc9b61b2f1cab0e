"""Autoencoders, plain and variational: the floor that a GAN's inverter must beat, with networks of the same widths.

Their images are compared as AEGAN compares them, by cross-entropy, here summed over a picture's numbers, so that the
variational one maximises the evidence lower bound of each image (Kingma and Welling, 2014, eq. 3 with one draw of z).
No paper sets their schedule: Adam with the rates of its own paper, AEGAN's and IVE-GAN's batches and epochs.

Mirrored ones are those of "Impact of the latent space on the ability of GANs to fit the distribution": WGAN-GP's
networks, the squared error (eq. 3), Adam with the same rates for 80,000 steps of batches that it does not name: of 64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from indexer.encoders.framing import Framing
from latentsearch.models.autoencoder import (
    Decoder,
    Encoder,
    MirroredDecoder,
    VariationalEncoder,
    digit_networks,
    mirrored_networks,
    picture_networks,
)
from latentsearch.training.datasets.digits import pad_digits, unpad_digits
from latentsearch.training.engine import family
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import gaussian_divergence, image_cross_entropy, squared_error
from latentsearch.training.engine.precision import Precision
from latentsearch.training.families.wgan_images import FRAMINGS, SIZES, FromNetwork, ToNetwork

SHOWN = 64
RISING = 0.3


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and the schedule of one autoencoder. data: "pictures" or "digits", of mirrored ones also "cifar10".

    one_cycle: whether the learning rate rises and falls once in the steps, as in no paper (see Autoencoder.cycle);
    code_rate: the learning rate of the dense layers, which write and read codes, as a multiple of the others'.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    data: str = "pictures"
    width: int = 64
    epochs: int = 25
    variational: bool = False
    mirrored: bool = False
    one_cycle: bool = False
    code_rate: float = 1.0

    @property
    def framing(self) -> Framing:
        """How pictures become the networks' input."""
        return FRAMINGS[self.data]


PRESETS = {
    "pictures": {
        # Meant for a GPU; not run to its end here.
        "paper": Recipe(),
        "small": Recipe(width=32, batch=32, epochs=3),
    },
    "digits": {
        # Meant for a GPU; not run to its end here.
        "paper": Recipe(data="digits", latent_size=3, batch=512, epochs=100),
        "small": Recipe(data="digits", latent_size=3, batch=64, width=32, epochs=2),
    },
}
# Meant for a GPU; not run to their end here.
MIRRORED = Recipe(mirrored=True, width=128, epochs=32)
MIRRORED_CIFAR10 = replace(MIRRORED, data="cifar10", epochs=102)
MIRRORED_DIGITS = replace(MIRRORED, data="digits", epochs=85)
# `python -m benchmarks latent-size` trains these and says how long that took. Encoders of many numbers learn late what
# their decoders could draw, and one cycle of a high rate shortens that. The error of 512 validation images of CIFAR-10
# by 1,000 numbers after 150 seconds: 0.036 at 0.001 in batches of 16, falling in the second half, and 0.027 so.
# Dense layers of many numbers move what they give further in a step than convolutions do. CIFAR-10, 1,000 numbers,
# 2,500 steps, the error of 1,000 validation images: 0.0390 at the rate of the others, 0.0370 at a tenth of it, 0.0366
# at a twentieth, 0.0368 at 0.03. Digits, 500 and 1,000 numbers, 11,250 steps: 0.0069 and 0.0067, 0.0065 and 0.0062 at a
# twentieth.
SMALL: dict[str, Any] = {"batch": 32, "learning_rate": 3e-3, "one_cycle": True, "code_rate": 0.05}
FORMS = {
    "mirrored": {
        "pictures": {"paper": MIRRORED, "small": replace(MIRRORED, width=8, epochs=6, **SMALL)},
        "cifar10": {"paper": MIRRORED_CIFAR10, "small": replace(MIRRORED_CIFAR10, width=8, epochs=60, **SMALL)},
        "digits": {"paper": MIRRORED_DIGITS, "small": replace(MIRRORED_DIGITS, width=8, epochs=6, **SMALL)},
    }
}


class Autoencoder(Family):
    """An encoder and a decoder that learn together. Images are float32 (n, 3, h, w) in [0, 1]."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        # Of the mirrored networks a step takes 0.7 times as long as in the default format, on an AVX512 core.
        layout = torch.channels_last if recipe.mirrored else precision.memory_format
        super().__init__(recipe, replace(precision, memory_format=layout))
        self.prior = "gaussian" if recipe.variational else "none"
        self.shown_codes = self.gaussian(SHOWN, recipe.latent_size)

    def build_networks(self) -> dict[str, nn.Module]:
        """Encoder and decoder (AEGAN, Tables 5 and 3; IVE-GAN, Table 2; or mirrored)."""
        sizes, data = (self.recipe.width, self.recipe.latent_size, self.recipe.variational), self.recipe.data
        networks: tuple[Encoder, Decoder]
        if self.recipe.mirrored:
            networks = mirrored_networks(*sizes, ToNetwork(data), FromNetwork(data), *SIZES[data])
        else:
            digits = data == "digits"
            networks = digit_networks(*sizes, pad_digits, unpad_digits) if digits else picture_networks(*sizes)
        self.encoder_network, self.decoder = networks
        return {"encoder": self.encoder_network, "decoder": self.decoder}

    def rate_shares(self, name: str, network: nn.Module) -> dict[nn.Parameter, float]:
        """The recipe's, of dense layers."""
        dense = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        return {weight: self.recipe.code_rate for layer in dense for weight in layer.parameters()}

    def plan(self) -> list[Stage]:
        """Both together."""
        return [Stage("autoencoder", self.recipe.epochs, self.step)]

    def encoder(self) -> nn.Module:
        """The encoder; of the variational one the means."""
        return self.encoder_network.eval()

    def generator(self) -> nn.Module:
        """The decoder."""
        return self.decoder.eval()

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """One step of both."""
        if self.recipe.one_cycle:
            for name in self.optimisers:
                self.set_rate(name, self.cycle() * self.recipe.learning_rate)
        with self.precision.autocast():
            z, divergence = self.encode(x)
            wanted = self.encoder_network.prepare(x)
            reconstruction = self.difference(wanted, z)
        self.descend(reconstruction + divergence, "encoder", "decoder")
        losses = {"reconstruction_loss": reconstruction.detach()}
        return losses | ({"divergence": divergence.detach()} if self.recipe.variational else {})

    def cycle(self) -> float:
        """The share of the learning rate that a step has: from a 25th up for 3 tenths of the steps, then down to none.

        Smith and Topin, "Super-convergence" (2017), the 1cycle policy, with even slopes.
        """
        return min(0.04 + 0.96 * self.progress / RISING, (1 - self.progress) / (1 - RISING))

    def difference(self, wanted: Tensor, z: Tensor) -> Tensor:
        """How far what z draws is from what the encoder read: summed over an image's numbers, mean over the batch."""
        if isinstance(self.decoder, MirroredDecoder):
            return squared_error(wanted, self.decoder.draw(z)).mean()
        return wanted[0].numel() * image_cross_entropy(wanted, self.decoder.logits(z))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (n, latent_size) and what they cost: 0, or where drawn from q(z | x) its divergence from the prior."""
        if not isinstance(self.encoder_network, VariationalEncoder):
            return self.encoder_network(x), x.new_zeros(())
        mean, log_variance = self.encoder_network.distribution(x)
        noise = self.gaussian(*mean.shape)
        return mean + (log_variance / 2).exp() * noise, gaussian_divergence(mean, log_variance)

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Real pictures beside their reconstructions; where there is a prior, samples from the same codes each time."""
        reconstructions = self.generator()(self.encoder()(pictures))
        shown = {"reconstructions": beside(pictures, reconstructions)}
        if self.recipe.variational:
            shown["samples"] = self.generator()(self.shown_codes)
        for network in self.networks.values():
            network.train()
        return shown


FAMILY = Autoencoder
