"""Trains IVE-GAN and a plain GAN on the ring, in this process, and generates points during training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentsearch.training.datasets.images import epoch_batches
from latentsearch.training.datasets.ring import Points
from latentsearch.training.engine.losses import discriminator_loss, generator_loss
from latentsearch.training.engine.precision import Precision
from latentsearch.training.families.ivegan import Ivegan
from latentsearch.training.families.ivegan_recipe import RING_SCALE, Recipe

Floats = NDArray[np.float32]


class PlainGan(Ivegan):
    """The GAN inside IVE-GAN (eq. 1): the same G, z and z' concatenated, against D' alone; E and D are not trained."""

    def step(self, x: Tensor) -> dict[str, Tensor]:
        """Take one step of D' and one of G."""
        self.set_rates()
        x = self.prepare(x)
        generated = self.networks["generator"](self.noise(len(x)), self.codes(len(x)))
        d_loss = discriminator_loss(self._judged(x), self._judged(generated.detach()))
        self.descend(d_loss, "prior_discriminator")
        g_loss = generator_loss(self._judged(generated))
        self.descend(g_loss, "generator")
        if "generator" in self.emas:
            self.emas["generator"].update(self.networks["generator"])
        return {"discriminator_loss": d_loss.detach(), "generator_loss": g_loss.detach()}

    def _judged(self, x: Tensor) -> Tensor:
        return self._single(*self.features(x))


@dataclass(frozen=True)
class Look:
    """The points generated after `step` steps: float32 (n, 2) by the source of their codes."""

    step: int
    points: dict[str, Floats]


MODELS: dict[str, type[Ivegan]] = {"ivegan": Ivegan, "gan": PlainGan}


def learn(
    model: str, recipe: Recipe, points: Points, steps_between: int, count: int, report: Callable[[int], None]
) -> list[Look]:
    """Train a model ("ivegan" or "gan") and generate `count` points before the first step and at regular intervals.

    "prior": G(z', z) with z from the prior; for IVE-GAN also "encoded": G(z', E(x)) of points x.
    """
    family = MODELS[model](recipe, Precision.choose("cpu", "fp32"))
    looks, step = [look(family, 0, points, count)], 0
    for epoch in range(recipe.epochs):
        for rows in epoch_batches(len(points), recipe.batch, (recipe.seed, 0, epoch)):
            family.progress = step / (recipe.epochs * (len(points) // recipe.batch))
            family.step(points.batch(rows))
            step += 1
            if step % steps_between == 0:
                looks.append(look(family, step, points, count))
                report(step)
    return looks


@torch.no_grad()
def look(family: Ivegan, step: int, points: Points, count: int) -> Look:
    """Generate points without affecting the random numbers of later steps."""
    state = family.random.get_state()
    generator = family.published("generator")
    made = {"prior": generator(family.noise(count), family.codes(count))}
    if not isinstance(family, PlainGan):
        x = family.prepare(points.points[:count])
        made["encoded"] = generator(family.noise(len(x)), family.published("encoder")(x))
    family.random.set_state(state)
    for network in family.networks.values():
        network.train()
    return Look(step, {name: (y / RING_SCALE).numpy() for name, y in made.items()})
