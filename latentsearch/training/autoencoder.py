"""Autoencoders, plain and variational: the floor that a GAN's inverter must beat, with networks of the same widths.

Their images are compared as AEGAN compares them, by cross-entropy, here summed over a picture's numbers, so that the
variational one maximises the evidence lower bound of each image (Kingma and Welling, 2014, eq. 3 with one draw of z).
No paper sets their schedule: Adam with the rates of its own paper, AEGAN's and IVE-GAN's batches and epochs.

Mirrored ones are those of "Impact of the latent space on the ability of GANs to fit the distribution": WGAN-GP's
networks, the squared error (eq. 3), Adam with the same rates for 80,000 steps of batches that it does not name: of 64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from indexer.decode import Framing
from latentsearch.models.autoencoder import (
    Decoder,
    Encoder,
    MirroredDecoder,
    VariationalEncoder,
    digit_networks,
    mirrored_networks,
    picture_networks,
)
from latentsearch.training import family
from latentsearch.training.digits import pad_digits, unpad_digits
from latentsearch.training.family import Family, Stage
from latentsearch.training.losses import gaussian_divergence, image_cross_entropy, squared_error
from latentsearch.training.precision import Precision
from latentsearch.training.sheets import beside
from latentsearch.training.wgan_images import FRAMINGS, SIZES, FromNetwork, ToNetwork

SHOWN = 64


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and the schedule of one autoencoder. data: "pictures" or "digits", of mirrored ones also "cifar10".

    falling_rates: whether the learning rate falls to none in the second half of the steps, as in no paper.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    data: str = "pictures"
    width: int = 64
    epochs: int = 25
    variational: bool = False
    mirrored: bool = False
    falling_rates: bool = False

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
FORMS = {
    "mirrored": {
        # `python -m benchmarks latent-size` trains these and says how long that took. With rates that do not fall and a
        # tenth of the epochs, encoders of 1,000 numbers lag behind what their decoders could draw.
        "pictures": {"paper": MIRRORED, "small": replace(MIRRORED, width=4, batch=16, epochs=10, falling_rates=True)},
        "cifar10": {
            "paper": MIRRORED_CIFAR10,
            "small": replace(MIRRORED_CIFAR10, width=8, batch=16, epochs=100, falling_rates=True),
        },
        "digits": {"paper": MIRRORED_DIGITS, "small": replace(MIRRORED_DIGITS, width=8, batch=16, epochs=1)},
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
        if self.recipe.falling_rates:
            for name in self.optimisers:
                self.set_rate(name, self.falling() * self.recipe.learning_rate)
        with self.precision.autocast():
            z, divergence = self.encode(x)
            wanted = self.encoder_network.prepare(x)
            reconstruction = self.difference(wanted, z)
        self.descend(reconstruction + divergence, "encoder", "decoder")
        losses = {"reconstruction_loss": reconstruction.detach()}
        return losses | ({"divergence": divergence.detach()} if self.recipe.variational else {})

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
    def sheets(self, pictures: Tensor) -> dict[str, Tensor]:
        """Real pictures beside their reconstructions; where there is a prior, samples from the same codes each time."""
        reconstructions = self.generator()(self.encoder()(pictures))
        shown = {"reconstructions": beside(pictures, reconstructions)}
        if self.recipe.variational:
            shown["samples"] = self.generator()(self.shown_codes)
        for network in self.networks.values():
            network.train()
        return shown


FAMILY = Autoencoder
