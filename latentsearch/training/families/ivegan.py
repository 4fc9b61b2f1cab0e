"""IVE-GAN: an encoder and a generator against a discriminator that is blind to chosen transformations T (eq. 3).

D distinguishes T(x) from G(z', E(x)), given x, so that E must encode what T does not change. D' distinguishes x from
G(z', z) with z from the prior, so that codes between those of real pictures also yield realistic pictures.

Where the paper is silent or contradicts itself, this module chooses:

- The last term of eq. 3 prints E(x), but the text draws the code from P_Z; it is drawn.
- z is uniform on (-1, 1) (Figs 3 and 7), z' Gaussian (section 1).
- G and E minimise -log D, the non-saturating form.
- D_enc keeps its batch normalisation at 1x1; without it, the discriminator wins.
- The paper gives no ranges for brightness, contrast and hue: they vary by up to 0.1, 10 % and 0.05 of a turn. Moved
  pictures are padded by reflection, digits with black.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from latentsearch.models.ivegan import DIGIT_SIZE, digit_networks, picture_networks, ring_networks
from latentsearch.models.matcher import matcher, predictor
from latentsearch.training.datasets.density import density
from latentsearch.training.datasets.digits import pad_digits
from latentsearch.training.engine.ema import Ema
from latentsearch.training.engine.family import Family, Stage
from latentsearch.training.engine.image_grids import beside
from latentsearch.training.engine.losses import (
    PENALTY_EVERY,
    contrastive_loss,
    discriminator_loss,
    generator_loss,
    lazy_penalty,
    matching_aware_loss,
    prediction_loss,
)
from latentsearch.training.engine.precision import Precision
from latentsearch.training.families.ivegan_published import DigitEncoder, NoiselessGenerator
from latentsearch.training.families.ivegan_recipe import PRESETS, RING_SCALE, Recipe

__all__ = ["FAMILY", "PRESETS", "Ivegan", "Recipe"]

DISCRIMINATORS = ("features", "discriminator", "prior_discriminator", "matcher")
MATCHING_RATE = 1e-3  # learning rate of the matcher and the predictor
READ_EVERY = 8  # steps between updates of the averages' batch statistics
NOISY = 0.7  # share of the steps after which instance noise is 0


class Ivegan(Family):
    """IVE-GAN's networks and only stage. Images are float32 (n, 3, size, size) in [0, 1], points (n, 2)."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, precision: Precision) -> None:
        super().__init__(recipe, precision)
        self.transform = recipe.transformation
        shown = 2_500 if recipe.data == "ring" else 64
        self.shown_noise, self.shown_codes = self.noise(shown), self.codes(shown)

    def build_networks(self) -> dict[str, nn.Module]:
        """Build E, G, D_enc, D and D' (Tables 1 to 3), and the matcher and predictor if the recipe has `matching`."""
        recipe = self.recipe
        sizes = (recipe.width, recipe.latent_size, recipe.noise_size)
        if recipe.data == "ring":
            factors = (recipe.sharpness, recipe.discriminator_sharpness, recipe.prior_sharpness)
            return ring_networks(*sizes, *factors, recipe.compared, recipe.depth)
        if recipe.data == "digits":
            networks, channels, size = digit_networks(*sizes, recipe.compared, recipe.spectral), 1, DIGIT_SIZE
        else:
            networks, channels, size = picture_networks(*sizes, recipe.size, recipe.normalised), 3, recipe.size
        if recipe.matching:
            networks["matcher"] = matcher(recipe.width, channels, size)
            networks["predictor"] = predictor(recipe.latent_size)
        return networks

    def make_emas(self) -> dict[str, Ema]:
        """Average E and G if average_decay is not 0; the averages are published."""
        decay = self.recipe.average_decay
        return {name: Ema(self.networks[name], decay) for name in ("encoder", "generator") if decay}

    def make_optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """Create Adam with the network's own learning rate."""
        return torch.optim.Adam(network.parameters(), self.rate(name), (self.recipe.beta1, 0.999), fused=True)

    def plan(self) -> list[Stage]:
        """Train all networks together."""
        return [Stage("ivegan", self.recipe.epochs, self.step)]

    def noise(self, count: int) -> Tensor:
        """Draw z' ~ N(0, 1): float32 (count, noise_size)."""
        return self.gaussian(count, self.recipe.noise_size)

    def codes(self, count: int) -> Tensor:
        """Draw z ~ U(-1, 1): float32 (count, latent_size)."""
        return self.uniform(count, self.recipe.latent_size)

    def prepare(self, x: Tensor) -> Tensor:
        """Convert a batch to the networks' input: scale points into (-1, 1), pad digits, leave pictures unchanged."""
        if self.recipe.data == "ring":
            return x * RING_SCALE
        return pad_digits(x) if self.recipe.data == "digits" else x

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of D_enc, D and D', and one of E and G (eq. 3)."""
        self.set_rates()
        x = self.prepare(x)
        with self.precision.autocast():
            codes = self.networks["encoder"](x)
            reconstructed, generated, *noiseless = self.generate(codes)
            d_loss = self.judge(x, self.transform(x, self.random), reconstructed.detach(), generated.detach())
        discriminators = [name for name in DISCRIMINATORS if name in self.networks]
        if d_loss.requires_grad:  # there is nothing to judge without D, D' and a matcher
            self.descend(d_loss + self._penalty(x), *discriminators)
        self._freeze(discriminators, True)  # the loss of G and E does not need gradients of their weights
        with self.precision.autocast():
            g_loss = self.persuade(x, codes, reconstructed, generated)
        for made in noiseless:
            g_loss = g_loss + self.recipe.reconstruction * mse_loss(made, x)
        self.descend(g_loss, *(name for name in self.networks if name not in discriminators))
        self._freeze(discriminators, False)
        self._follow(x)
        judged = {"discriminator_loss": d_loss.detach()} if self.recipe.adversarial else {}
        return judged | {"generator_loss": g_loss.detach()}

    def set_rates(self) -> None:
        """If the recipe has falling_rates, lower all learning rates along a cosine in the second half of the steps."""
        if self.recipe.falling_rates:
            for name in self.optimisers:
                self.set_rate(name, self.falling() * self.rate(name))

    def rate(self, name: str) -> float:
        """Return the initial learning rate of a network."""
        if name in ("matcher", "predictor"):
            return MATCHING_RATE
        return self.recipe.discriminator_learning_rate if name in DISCRIMINATORS else self.recipe.learning_rate

    def generate(self, codes: Tensor) -> tuple[Tensor, ...]:
        """Return G(z', E(x)), G(z', z) and, if the recipe has `reconstruction`, G(0, E(x)).

        They are computed in one pass, so that they share the batch statistics.
        """
        made: Tensor = self.networks["generator"](*self._inputs(codes))
        parts: tuple[Tensor, ...] = torch.split(made, len(codes))
        return parts

    def _inputs(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return z' and z of `generate`."""
        z = torch.cat([codes, self.codes(len(codes))])
        noise = self.noise(len(z))
        if not self.recipe.reconstruction:
            return noise, z
        return torch.cat([noise, torch.zeros_like(noise[: len(codes)])]), torch.cat([z, codes])

    def judge(self, x: Tensor, transformed: Tensor, reconstructed: Tensor, generated: Tensor) -> Tensor:
        """Return the loss of D_enc, D and D': minus eq. 3, plus the matcher's loss."""
        loss = self.mismatch(x, transformed) if self.recipe.matching else x.new_zeros(())
        if not self.recipe.adversarial:
            return loss
        real, real_transformed, fake, fake_prior = self.features(x, transformed, reconstructed, generated)
        real_pair, fake_pair = self._pair(real_transformed, real), self._pair(fake, real)
        if self.recipe.mismatched:
            wrong = self._pair(real_transformed.roll(1, 0), real)
            by_pair = matching_aware_loss(real_pair, wrong, fake_pair, torch.ones_like(wrong, dtype=torch.bool))
        else:
            by_pair = discriminator_loss(real_pair, fake_pair)
        return by_pair + discriminator_loss(self._single(real), self._single(fake_prior)) + loss

    def persuade(self, x: Tensor, codes: Tensor, reconstructed: Tensor, generated: Tensor) -> Tensor:
        """Return the loss of G, E and the predictor, except that of the reconstruction."""
        loss = x.new_zeros(())
        if self.recipe.adversarial:
            real, fake, fake_prior = self.features(x, reconstructed, generated)
            loss = generator_loss(self._pair(fake, real.detach())) + generator_loss(self._single(fake_prior))
        if self.recipe.matching:
            of_x, of_reconstructed = self.matched(x, reconstructed)
            predicted = self.networks["predictor"](codes)
            loss = loss + self.recipe.matching * prediction_loss(of_reconstructed, of_x)
            loss = loss + self.recipe.prediction * prediction_loss(predicted, of_x)
        return loss

    def _penalty(self, x: Tensor) -> Tensor:
        """Return the gradient penalty of D(x, x) + D'(x), in one step of sixteen at random."""
        if not (self.recipe.r1 and self.recipe.adversarial):
            return x.new_zeros(())

        def critic(points: Tensor) -> Tensor:
            (features,) = self.features(points)
            return self._pair(features, features) + self._single(features)

        turn = int(torch.randint(PENALTY_EVERY, (), generator=self.random))
        return lazy_penalty(critic, x, self.recipe.r1, turn)

    def mismatch(self, x: Tensor, transformed: Tensor) -> Tensor:
        """Return the matcher's loss: NT-Xent for identifying the T(x) that belongs to each x in the batch."""
        return contrastive_loss(*self.matched(x, transformed), self.recipe.temperature)

    def matched(self, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Return the matcher's outputs for x and for the other pictures, (n, d) each."""
        of_x, of_other = self.networks["matcher"](torch.cat([x, other])).chunk(2)
        return of_x, of_other

    def features(self, *batches: Tensor) -> tuple[Tensor, ...]:
        """Compute D_enc's features of batches of the same size; points are their own features."""
        blurred = [self.blur(x) for x in batches]
        if "features" not in self.networks:
            return tuple(blurred)
        if self.recipe.spectral:  # without batch statistics, all batches can share one pass
            read: Tensor = self.networks["features"](torch.cat(blurred))
            return read.chunk(len(blurred))
        return tuple(self.networks["features"](x) for x in blurred)

    def blur(self, x: Tensor) -> Tensor:
        """Add the instance noise of the current step to the discriminators' input."""
        deviation = self.recipe.instance_noise * max(0.0, 1 - self.progress / NOISY) ** 2
        return x + deviation * torch.randn(x.shape, generator=self.random).to(x.device) if deviation else x

    def _pair(self, features: Tensor, known: Tensor) -> Tensor:
        logits: Tensor = self.networks["discriminator"](known, features)
        return logits

    def _single(self, features: Tensor) -> Tensor:
        logits: Tensor = self.networks["prior_discriminator"](features)
        return logits

    def _freeze(self, names: list[str], frozen: bool) -> None:
        for name in names:
            self.networks[name].requires_grad_(not frozen)

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        """Update the averages and, every eighth step, their batch statistics, which must match the averaged weights.

        The statistics cover E's codes as well as prior codes: with prior codes only, the averaged G reconstructs badly.
        Updating them costs a fifth of a step.
        """
        for name, ema in self.emas.items():
            ema.update(self.networks[name])
        if self.emas and self.emas["encoder"].steps % READ_EVERY == 1:
            encoder, generator = (self.emas[name].network.train() for name in ("encoder", "generator"))
            with self.precision.autocast():
                generator(*self._inputs(encoder(x)))
            encoder.eval()
            generator.eval()

    def published(self, name: str) -> nn.Module:
        """Return E or G in eval mode, averaged if there is an average."""
        return (self.emas[name].network if name in self.emas else self.networks[name]).eval()

    def encoder(self) -> nn.Module:
        """Return E."""
        return DigitEncoder(self.published("encoder")) if self.recipe.data == "digits" else self.published("encoder")

    def generator(self) -> nn.Module:
        """Return G with z' = 0, the mean of the noise."""
        return NoiselessGenerator(self.published("generator"), self.recipe.noise_size, self.recipe.data == "digits")

    def recovered_codes(self) -> tuple[Tensor, Tensor]:
        """Return drawn codes and E's codes of what G generates from them."""
        with self.in_eval_mode():
            made = self.published("generator")(self.shown_noise, self.shown_codes)
            return self.shown_codes, self.published("encoder")(made)

    @torch.no_grad()
    def image_grids(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return samples from fixed codes, and originals next to reconstructions; for points, density plots."""
        x = self.prepare(pictures)
        with self.in_eval_mode():
            samples = self.published("generator")(self.shown_noise, self.shown_codes)
            reconstructions = self.published("generator")(self.shown_noise[: len(x)], self.published("encoder")(x))
        if self.recipe.data == "ring":
            return {"density": torch.stack([density(x), density(samples), density(reconstructions)])}
        x, samples, reconstructions = (y.expand(-1, 3, -1, -1) for y in (x, samples, reconstructions))
        return {"samples": samples, "reconstructions": beside(x, reconstructions)}


FAMILY = Ivegan
