"""Plain and variational autoencoders, the baseline for GAN inversion, with networks of the same widths.

The reconstruction loss is AEGAN's cross-entropy, summed over an image's values, so that the variational form maximises
the evidence lower bound of each image (Kingma and Welling, 2014, eq. 3 with one sample of z). No paper states a
schedule: this module uses Adam's default rates, and the batch sizes and epochs of AEGAN and IVE-GAN.

Mirrored autoencoders are those of "Impact of the latent space on the ability of GANs to fit the distribution":
WGAN-GP's networks, squared error (eq. 3), and 80,000 steps of Adam with the same rates. The paper does not state the
batch size; here it is 64.
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
RISING = 0.3  # share of the steps in which the one-cycle learning rate rises


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and schedule of an autoencoder.

    data: "pictures", "digits" or, for mirrored networks, "cifar10". one_cycle: whether the learning rate rises and
    falls once (see Autoencoder.cycle), which is in none of the papers. code_rate: learning rate of the dense layers
    next to the code, as a multiple of the convolutions' rate.
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
        """How pictures are cropped and scaled to the networks' input."""
        return FRAMINGS[self.data]


PRESETS = {
    "pictures": {
        # For a GPU; never run to the end.
        "paper": Recipe(),
        "small": Recipe(width=32, batch=32, epochs=3),
    },
    "digits": {
        # For a GPU; never run to the end.
        "paper": Recipe(data="digits", latent_size=3, batch=512, epochs=100),
        "small": Recipe(data="digits", latent_size=3, batch=64, width=32, epochs=2),
    },
}
# For a GPU; never run to the end.
MIRRORED = Recipe(mirrored=True, width=128, epochs=32)
MIRRORED_CIFAR10 = replace(MIRRORED, data="cifar10", epochs=102)
MIRRORED_DIGITS = replace(MIRRORED, data="digits", epochs=85)
# Command: `python -m benchmarks latent-size`, which trains these presets and reports times and errors. One cycle of a
# high rate speeds up encoders with large codes, and large dense layers need a lower rate than convolutions: see "What
# was tried for the training presets" in docs/decisions.md.
SMALL: dict[str, Any] = {"batch": 32, "learning_rate": 3e-3, "one_cycle": True, "code_rate": 0.05}
FORMS = {
    "mirrored": {
        "pictures": {"paper": MIRRORED, "small": replace(MIRRORED, width=8, epochs=6, **SMALL)},
        "cifar10": {"paper": MIRRORED_CIFAR10, "small": replace(MIRRORED_CIFAR10, width=8, epochs=60, **SMALL)},
        "digits": {"paper": MIRRORED_DIGITS, "small": replace(MIRRORED_DIGITS, width=8, epochs=6, **SMALL)},
    }
}


class Autoencoder(Family):
    """An encoder and a decoder trained together. Images are float32 (n, 3, h, w) in [0, 1]."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        # A step of the mirrored networks takes 0.7 times as long in this format as in the default one (AVX512 core).
        layout = torch.channels_last if recipe.mirrored else precision.memory_format
        super().__init__(recipe, replace(precision, memory_format=layout))
        self.prior = "gaussian" if recipe.variational else "none"
        self.shown_codes = self.gaussian(SHOWN, recipe.latent_size)

    def build_networks(self) -> dict[str, nn.Module]:
        """Build the encoder and decoder (AEGAN, Tables 5 and 3; IVE-GAN, Table 2; or mirrored)."""
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
        """Return the recipe's code_rate for dense layers."""
        dense = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        return {weight: self.recipe.code_rate for layer in dense for weight in layer.parameters()}

    def plan(self) -> list[Stage]:
        """Train both together."""
        return [Stage("autoencoder", self.recipe.epochs, self.step)]

    def encoder(self) -> nn.Module:
        """Return the encoder; a variational one outputs the means."""
        return self.encoder_network.eval()

    def generator(self) -> nn.Module:
        """Return the decoder."""
        return self.decoder.eval()

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of both networks."""
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
        """Return the learning rate's factor: from 1/25 up to 1 in the first 30 % of the steps, then down to 0.

        This is the 1cycle policy of Smith and Topin, "Super-convergence" (2017), with linear slopes.
        """
        return min(0.04 + 0.96 * self.progress / RISING, (1 - self.progress) / (1 - RISING))

    def difference(self, wanted: Tensor, z: Tensor) -> Tensor:
        """Return the reconstruction loss, summed over an image's values and averaged over the batch."""
        if isinstance(self.decoder, MirroredDecoder):
            return squared_error(wanted, self.decoder.draw(z)).mean()
        return wanted[0].numel() * image_cross_entropy(wanted, self.decoder.logits(z))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes (n, latent_size) and the KL divergence of q(z | x) from the prior, 0 if not variational."""
        if not isinstance(self.encoder_network, VariationalEncoder):
            return self.encoder_network(x), x.new_zeros(())
        mean, log_variance = self.encoder_network.distribution(x)
        noise = self.gaussian(*mean.shape)
        return mean + (log_variance / 2).exp() * noise, gaussian_divergence(mean, log_variance)

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return real pictures next to their reconstructions and, if there is a prior, samples from fixed codes."""
        reconstructions = self.generator()(self.encoder()(pictures))
        shown = {"reconstructions": beside(pictures, reconstructions)}
        if self.recipe.variational:
            shown["samples"] = self.generator()(self.shown_codes)
        for network in self.networks.values():
            network.train()
        return shown


FAMILY = Autoencoder
