"""IcGAN: train a conditional GAN, then encoders for its codes z and labels y (section 4, Tables 1 and 2, eqs 2 to 4).

Where the paper is silent, this module chooses:

- Wrong labels (the third kind of pair) are drawn from the training labels, like the labels of generated images.
- IND-COND joins Ey's output after Ez's first convolution, where D joins its y; Ey is trained first.
- SNG minimises the sum of both losses, z's on generated images and y's on real ones, in one step, for as many epochs
  as the longer of the two encoders of IND.
- Squared errors are averaged over dimensions, so that the losses of z and y have equal weight.
- Digits are padded to 32x32, with one stage fewer in G and D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from indexer.errors import InputError
from latentsearch.models.icgan import HIDDEN, Discriminator, Encoder, Generator, SingleEncoder
from latentsearch.training.datasets.digits import pad_digits
from latentsearch.training.datasets.transforms import mirrored
from latentsearch.training.engine.ema import Ema, recalibrate
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import generator_loss, lazy_penalty, matching_aware_loss
from latentsearch.training.engine.precision import Precision
from latentsearch.training.families.icgan_published import Conditioned, Reader, SideBySide
from latentsearch.training.families.icgan_recipe import DESIGNS, PRESETS, Recipe

__all__ = ["DESIGNS", "FAMILY", "PRESETS", "Icgan", "Recipe"]

SHOWN = 64
# Of a label; one that hardly any training image has would outweigh all others.
LEAST_VARIANCE = 0.01


class Icgan(Family):
    """IcGAN's networks and stages. Images are float32 (n, 3, 64, 64) or (n, 3, 28, 28) in [0, 1]."""

    recipe: Recipe
    prior = "gaussian"

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.shown_codes = self.codes(SHOWN)
        self.guidance = 0.0 if recipe.design == "SNG" else recipe.guidance
        self.take_labels(torch.zeros(1, len(recipe.labels)))

    def build_networks(self) -> dict[str, nn.Module]:
        """Build G and D (Table 1), and Ez and Ey (Table 2), which are one network in SNG."""
        recipe, labels, channels = self.recipe, len(self.recipe.labels), 1 if self.recipe.data == "digits" else 3
        self.generator_network = Generator(
            recipe.width, recipe.latent_size, labels, recipe.generator_position, channels
        )
        self.discriminator = Discriminator(
            recipe.width, labels, recipe.discriminator_position, channels, recipe.normalised
        )
        networks: dict[str, nn.Module] = {"generator": self.generator_network, "discriminator": self.discriminator}
        width = recipe.encoder_width
        if recipe.design == "SNG":
            self.single = SingleEncoder(recipe.latent_size, labels, width, channels)
            return networks | {"single_encoder": self.single}
        conditions = labels if recipe.design == "IND-COND" else 0
        self.latent_encoder = Encoder(HIDDEN["z"] * width, recipe.latent_size, width, channels, conditions)
        self.attribute_encoder = Encoder(HIDDEN["y"] * width, labels, width, channels)
        return networks | {"latent_encoder": self.latent_encoder, "attribute_encoder": self.attribute_encoder}

    def make_emas(self) -> dict[str, Ema]:
        """Average the generator; the encoders are trained on the average, which is also the published generator."""
        self.ema = Ema(self.generator_network, self.recipe.average_decay)
        return {"generator": self.ema}

    def plan(self) -> list[Stage]:
        """Train the conditional GAN, then Ey and Ez."""
        recipe = self.recipe
        gan = Stage("conditional GAN", recipe.generator_epochs, self.generator_step, self.recalibrate)
        if recipe.design == "SNG":
            epochs = max(recipe.attribute_epochs, recipe.inverse_epochs)
            return [gan, Stage("single encoder", epochs, self.single_step)]
        return [
            gan,
            Stage("attribute encoder", recipe.attribute_epochs, self.attribute_step),
            Stage("latent encoder", recipe.inverse_epochs, self.latent_step),
        ]

    def take_generator(self, other: Family) -> None:
        """Start from G and D of a finished IcGAN run, and from its Ey if attribute_epochs is 0.

        Raises InputError if `other` is another family or has other labels.
        """
        if not isinstance(other, Icgan) or other.recipe.labels != self.recipe.labels:
            raise InputError("--generator needs a run of icgan that learned with the same labels")
        self.generator_network.load_state_dict(other.generator_network.state_dict())
        self.discriminator.load_state_dict(other.discriminator.state_dict())
        self.ema.network.load_state_dict(other.ema.network.state_dict())
        if "SNG" not in (self.recipe.design, other.recipe.design) and not self.recipe.attribute_epochs:
            self.attribute_encoder.load_state_dict(other.attribute_encoder.state_dict())

    def codes(self, count: int) -> Tensor:
        """Draw z ~ N(0, 1): float32 (count, latent_size)."""
        return self.gaussian(count, self.recipe.latent_size)

    def drawn_labels(self, count: int) -> Tensor:
        """Draw y', the labels of random training images, half with one flipped if the recipe has `flipped_labels`.

        float32 (count, labels).
        """
        rows = torch.randint(len(self.values), (count,), generator=self.random)
        drawn = self.values[rows.to(self.values.device)]
        return self._one_flipped(drawn, 0.5) if self.recipe.flipped_labels else drawn

    def wrong_labels(self, y: Tensor) -> Tensor:
        """Draw the wrong labels of images with the labels y: float32 (n, labels)."""
        return self._one_flipped(y, 1.0) if self.recipe.flipped_labels else self.drawn_labels(len(y))

    def _one_flipped(self, y: Tensor, share: float) -> Tensor:
        """Flip one random label of each of a share of the rows."""
        columns = torch.randint(y.shape[1], (len(y), 1), generator=self.random)
        chosen = (torch.rand(len(y), 1, generator=self.random) < share).float()
        flips = torch.zeros(y.shape).scatter_(1, columns, chosen).to(y.device)
        return (y - flips).abs()

    def prepare(self, x: Tensor) -> Tensor:
        """Convert a batch to the networks' input: pad digits, and mirror random pictures if the recipe has `flip`."""
        if self.recipe.data == "digits":
            return pad_digits(x)
        return mirrored(x, self.random) if self.recipe.flip else x

    def generator_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Take one step of the matching-aware D and one of G (eq. 2)."""
        if self.guidance:
            self.attribute_step(x, y)
        x, z = self.prepare(x), self.codes(len(x))
        drawn, wrong = self.drawn_labels(len(x)), self.wrong_labels(y)
        with self.precision.autocast():
            fake = self.generator_network(z, drawn)
            read = self.discriminator.read(x)
            d_loss = matching_aware_loss(
                self.discriminator.judge(read, y),
                self.discriminator.judge(read, wrong),
                self.discriminator(fake.detach(), drawn),
                (wrong != y).any(1),
            )
        penalty = lazy_penalty(lambda points: self.discriminator(points, y), x, self.recipe.r1, self.ema.steps)
        self.descend(d_loss + penalty, "discriminator")
        self.discriminator.requires_grad_(False)  # G's loss does not need gradients of D's weights
        with self.precision.autocast():
            g_loss = generator_loss(self.discriminator(fake, drawn))
        if self.guidance:
            g_loss = g_loss + self.guidance * self._label_error(fake, drawn)
        self.descend(g_loss, "generator")
        self.discriminator.requires_grad_(True)
        self.ema.update(self.generator_network)
        return {"discriminator_loss": d_loss.detach(), "generator_loss": g_loss.detach()}

    def _label_error(self, fake: Tensor, y: Tensor) -> Tensor:
        """Return the squared error between the labels of generated images and Ey's values, which Ey does not learn.

        Each label counts in units of its variance among the training images, so that rare ones count as much.
        """
        self.attribute_encoder.requires_grad_(False).eval()
        with self.precision.autocast():
            values = self.attribute_encoder(fake)
        self.attribute_encoder.requires_grad_(True).train()
        share = self.values.mean(0)
        error: Tensor = ((values - y).square() / (share * (1 - share)).clamp(min=LEAST_VARIANCE)).mean()
        return error

    def attribute_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Take one step of Ey on real images (eq. 4)."""
        x = self.prepare(x)
        with self.precision.autocast():
            values = self.attribute_encoder(x)
        loss = mse_loss(values, y)
        self.set_learning_rate("attribute_encoder")
        self.descend(loss, "attribute_encoder")
        return {"attribute_loss": loss.detach()}

    def latent_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Take one step of Ez on generated images (eq. 3); only the batch size of x and y is used."""
        z, generated = self.generate(len(x))
        with self.precision.autocast():
            z_hat = self.latent_encoder(generated, self.condition(generated))
        loss = mse_loss(z_hat, z)
        self.set_learning_rate("latent_encoder")
        self.descend(loss, "latent_encoder")
        return {"latent_loss": loss.detach()}

    def single_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Take one step of the single encoder (SNG): eq. 3 on generated images plus eq. 4 on real ones."""
        x, (z, generated) = self.prepare(x), self.generate(len(x))
        with self.precision.autocast():
            (z_hat, _), (_, values) = self.single(generated), self.single(x)
        latent_loss, attribute_loss = mse_loss(z_hat, z), mse_loss(values, y)
        self.set_learning_rate("single_encoder")
        self.descend(latent_loss + attribute_loss, "single_encoder")
        return {"latent_loss": latent_loss.detach(), "attribute_loss": attribute_loss.detach()}

    @torch.no_grad()
    def generate(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw codes z and labels; return the codes and the averaged G's images."""
        z, drawn = self.codes(count), self.drawn_labels(count)
        with self.precision.autocast():
            return z, self.ema.network(z, drawn)

    @torch.no_grad()
    def condition(self, x: Tensor) -> Tensor | None:
        """Return the labels that Ez sees with images: Ey's output for IND-COND, None for IND."""
        if self.recipe.design != "IND-COND":
            return None
        values: Tensor = self.attribute_encoder.eval()(x)
        self.attribute_encoder.train()
        return values

    def set_learning_rate(self, name: str) -> None:
        """Set an encoder's learning rate, which falls linearly to 0 if the recipe is annealed."""
        share = 1 - self.progress if self.recipe.annealed else 1
        self.set_rate(name, share * self.recipe.encoder_learning_rate)

    def recovered_codes(self) -> tuple[Tensor, Tensor] | None:
        """Return drawn codes and Ez's codes of their pictures, once Ez is being trained."""
        name = "single_encoder" if self.recipe.design == "SNG" else "latent_encoder"
        if not self.optimisers[name].state:
            return None
        with self.in_eval_mode():
            return self.shown_codes, self.encoder()(self.generator()(self._shown()))

    def _shown(self) -> Tensor:
        """Return the codes of the image grids, with labels of training images."""
        rows = torch.arange(SHOWN) % len(self.values)
        return torch.cat([self.shown_codes, self.values[rows]], 1)

    def recalibrate(self) -> None:
        """Recompute the averaged generator's batch statistics."""
        recalibrate(self.generator(), lambda: torch.cat([self.codes(self.batch), self.drawn_labels(self.batch)], 1))

    def encoder(self) -> nn.Module:
        """Return Ez, conditioned on Ey's output for IND-COND."""
        if self.recipe.design == "SNG":
            return Reader(self.single, self.recipe.data, part=0)
        if self.recipe.design == "IND-COND":
            return Reader(Conditioned(self.latent_encoder, self.attribute_encoder), self.recipe.data)
        return Reader(self.latent_encoder, self.recipe.data)

    def attributes(self) -> nn.Module:
        """Return Ey."""
        if self.recipe.design == "SNG":
            return Reader(self.single, self.recipe.data, part=1)
        return Reader(self.attribute_encoder, self.recipe.data)

    def generator(self) -> nn.Module:
        """Return the averaged G, with z and y concatenated into one input."""
        return SideBySide(self.ema.network, self.recipe.latent_size, self.recipe.data)

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return samples from fixed codes, and generated and real pictures next to their reconstructions."""
        samples = self.generator()(self._shown())
        originals = torch.cat([samples[:32], pictures])
        with self.in_eval_mode():
            codes = torch.cat([self.encoder()(originals), self.attributes()(originals)], 1)
            reconstructions = self.generator()(codes)
        return {"samples": samples, "reconstructions": beside(originals, reconstructions)}


FAMILY = Icgan
