"""Contrastive codes: an encoder that is robust to alterations, and a generator that reconstructs pictures from codes.

Two views of each picture are encoded: the picture itself, possibly mirrored, and a copy that is altered more than by
IVE-GAN's T. A projection of a view's code must identify the other view among all pictures of the batch (SimCLR: Chen et
al., 2020, eq. 1), and a generator must reconstruct the first view from the code. The projection can thus ignore what
alterations change, while the code keeps it. No labels are used.

For cosine distance, latentsearch.export.bundle publishes the principal axes of the encoder's last-layer input, averaged
over the picture, its middle and, except for digits, the mirror images of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.encoders.framing import Framing
from latentsearch.models.autoencoder import Decoder
from latentsearch.models.contrastive import (
    ColouringGenerator,
    Encoder,
    Features,
    WhiteningEncoder,
    digit_networks,
    picture_networks,
    projection,
)
from latentsearch.training.datasets.digits import pad_digits, unpad_digits
from latentsearch.training.datasets.framings import FRAMINGS
from latentsearch.training.datasets.transforms import Alteration, Transformation, mirrored
from latentsearch.training.engine import family
from latentsearch.training.engine.ema import Ema
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import contrastive_loss
from latentsearch.training.engine.precision import Precision

SHOWN = 64
WARM_UP = 0.02  # share of the steps
WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class Recipe(family.Recipe):
    """The sizes and schedule of a run.

    data: "pictures" or "digits". reconstruction: weight of the mean squared error of the reconstructions.
    reconstructed: share of a batch that is reconstructed, below 1 because generating costs as much as encoding. The
    alterations are those of latentsearch.training.datasets.transforms.
    """

    batch: int = 256
    learning_rate: float = 2e-3
    beta1: float = 0.9
    data: str = "pictures"
    width: int = 64
    epochs: int = 100
    average_decay: float = 0.99
    temperature: float = 0.2
    reconstruction: float = 50.0
    reconstructed: float = 0.5
    shift: float = 6.0
    rotation: float = 15.0
    zoom: float = 0.15
    flip: bool = True
    brightness: float = 0.2
    contrast: float = 0.3
    hue: float = 0.03
    recoloured: float = 0.2
    blurred: float = 0.3
    hidden: float = 0.5

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the networks' input."""
        return FRAMINGS[28 if self.data == "digits" else 64]

    @property
    def alteration(self) -> Alteration:
        """The alterations of the second view."""
        return Alteration(
            Transformation(
                self.shift,
                self.rotation,
                self.flip,
                self.brightness,
                self.contrast,
                self.hue,
                padding="zeros" if self.data == "digits" else "border",
                zoom=self.zoom,
                recoloured=self.recoloured,
            ),
            self.blurred,
            self.hidden,
        )


PICTURES = Recipe()
# Digits are not mirrored, as a mirrored digit is a different symbol, and not recoloured, as they are grey.
DIGITS = replace(
    PICTURES, data="digits", latent_size=16, shift=3, flip=False, brightness=0, contrast=0, hue=0, recoloured=0
)
PRESETS = {
    "pictures": {
        # For a GPU; never run to the end.
        "large": PICTURES,
        # Command: `latentsearch train contrastive celeba -o runs/contrastive --preset small --threads 1`, 20,000 faces.
        # Time: 82 minutes on one AVX512-BF16 core of a busy machine.
        # Agreement @1 and @20 of the published codes: 0.810 and 0.795.
        "small": replace(PICTURES, width=32, epochs=28),
        # Codes that find altered copies instead of similar pictures.
        # Command: `latentsearch train contrastive celeba -o runs/copies --preset copies`, 20,000 faces.
        # Time: 94 s on an NVIDIA H200 shared with 12 other runs; about a minute per epoch on an AVX512-BF16 core.
        # Scores: `python -m benchmarks altered-search`.
        "copies": replace(PICTURES, width=32, latent_size=256, epochs=60, temperature=0.1, hidden=0.9, recoloured=0.5),
    },
    "digits": {
        # For a GPU; never run to the end.
        "large": DIGITS,
        # Command: `latentsearch train contrastive mnist.npz -o runs/digits --preset small --threads 1`.
        # Time: 33 minutes on one core of a very busy machine.
        # Accuracy of 5 nearest neighbours (`class-neighbours`): 0.973; by pixels 0.969.
        "small": replace(DIGITS, width=16, epochs=10),
    },
}


class Contrastive(Family):
    """An encoder, a generator and a projection, trained together. Images are float32 (n, 3, h, w) in [0, 1]."""

    recipe: Recipe
    prior = "gaussian"

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.alter = recipe.alteration
        self.shown_codes = self.gaussian(SHOWN, recipe.latent_size)

    def build_networks(self) -> dict[str, nn.Module]:
        """Build the encoder, the generator and the projection."""
        sizes = (self.recipe.width, self.recipe.latent_size)
        digits = self.recipe.data == "digits"
        networks = digit_networks(*sizes, pad_digits, unpad_digits) if digits else picture_networks(*sizes)
        self.encoder_network, self.generator_network = networks
        self.projection = projection(self.recipe.latent_size)
        return {
            "encoder": self.encoder_network,
            "generator": self.generator_network,
            "projection": self.projection,
        }

    def make_emas(self) -> dict[str, Ema]:
        """Average the encoder and the generator, which are published."""
        return {name: Ema(self.networks[name], self.recipe.average_decay) for name in ("encoder", "generator")}

    def make_optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """Create Adam with decoupled weight decay (AdamW)."""
        recipe = self.recipe
        return torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, (recipe.beta1, 0.99), weight_decay=WEIGHT_DECAY, fused=True
        )

    def plan(self) -> list[Stage]:
        """Train all networks together."""
        return [Stage("contrastive", self.recipe.epochs, self.step)]

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of all three networks."""
        self.set_learning_rate()
        first = mirrored(x, self.random) if self.recipe.flip else x
        views = torch.cat([first, self.alter(x, self.random)])
        with self.precision.autocast():
            codes = self.encoder_network(self.precision.move_batch(views))
            projections = self.projection(codes)
        contrast = contrastive_loss(projections[: len(x)], projections[len(x) :], self.recipe.temperature)
        error = self.reconstruction_error(first, codes)
        self.descend(contrast + self.recipe.reconstruction * error, *self.networks)
        self.encoder_network.follow(codes.detach()[: len(x)])
        for name, ema in self.emas.items():
            ema.update(self.networks[name])
        return {"contrastive_loss": contrast.detach(), "reconstruction_error": error.detach()}

    def set_learning_rate(self) -> None:
        """Set the learning rate: a linear warm-up, times a cosine that falls to 0 over all steps."""
        share = min(1.0, 0.1 + self.progress / WARM_UP) * (1 + math.cos(math.pi * self.progress)) / 2
        for name in self.optimisers:
            self.set_rate(name, share * self.recipe.learning_rate)

    def reconstruction_error(self, x: Tensor, codes: Tensor) -> Tensor:
        """Return the mean squared error of the reconstructed share of the batch."""
        count = max(2, round(len(x) * self.recipe.reconstructed))
        wanted = self.encoder_network.prepare(x[:count])
        with self.precision.autocast():
            logits = self.generator_network.logits(codes[:count])
        return F.mse_loss(logits.sigmoid(), wanted)

    def encoder(self) -> WhiteningEncoder:
        """Return the averaged encoder with whitened codes."""
        return WhiteningEncoder(self._ema_encoder()).eval()

    def generator(self) -> ColouringGenerator:
        """Return the averaged generator for whitened codes."""
        network = self.emas["generator"].network
        assert isinstance(network, Decoder)
        return ColouringGenerator(self._ema_encoder(), network).eval()

    def code_features(self) -> Features:
        """Return the averaged encoder without its last layer: its features contain more information than codes."""
        return Features(self._ema_encoder()).eval()

    def invariance(self) -> Alteration:
        """Return the alterations of the second view."""
        return self.alter

    def _ema_encoder(self) -> Encoder:
        network = self.emas["encoder"].network
        assert isinstance(network, Encoder)
        return network

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return samples from fixed codes, and real pictures next to their reconstructions."""
        generator = self.generator()
        reconstructions = generator(self.encoder()(pictures))
        return {"samples": generator(self.shown_codes), "reconstructions": beside(pictures, reconstructions)}


FAMILY = Contrastive
