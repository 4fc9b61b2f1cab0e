"""The models of latent-size: one run per family, latent size and seed, trained if missing, and their images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.core.trained_runs import is_finished, train
from benchmarks.datasets.image_sets import Sets
from benchmarks.judges.inverters import in_blocks
from benchmarks.methods.learned import FACTS
from latentsearch.inversion.optimise import draw, invert
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.checkpoint import STATE
from latentsearch.training.engine.trained import load_family

FAMILIES = ("autoencoder", "wgan-gp")


@dataclass(frozen=True)
class Search:
    """Searches for codes through a generator with `steps` steps of projected Adam, from random codes of the seed.

    learning_rates: the search runs once with each, and an image keeps the code with the smaller error.
    """

    steps: int
    learning_rates: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class Model:
    """A trained run. Images are RGB float32 (n, 3, h, w) in [0, 1]."""

    family: str
    latent_size: int
    seed: int
    networks: dict[str, nn.Module]
    encoder: nn.Module | None
    generator: nn.Module
    prior: str
    facts: dict[str, Any]

    @property
    def key(self) -> str:
        """The folder's name."""
        return f"{self.family}-{self.latent_size}-{self.seed}"

    def codes(self, images: Tensor, search: Search) -> Tensor:
        """Codes (n, latent_size): from the encoder, or without one, found within the prior's ball (eq. 5)."""
        if self.encoder is not None:
            return in_blocks(self.encoder, images)
        start = draw(self.prior, len(images), self.latent_size, search.seed)
        return self.descend(images, start, search, self.prior)

    def descend(self, images: Tensor, start: Tensor, search: Search, prior: str) -> Tensor:
        """Codes found by projected Adam from a start; with prior "none" they are not constrained."""
        images = images.contiguous(memory_format=torch.channels_last)
        tries = [
            invert(
                self.generator,
                images,
                latent_size=self.latent_size,
                method="projected",
                prior=prior,
                start=start,
                steps=search.steps,
                learning_rate=rate,
            )
            for rate in search.learning_rates
        ]
        best = torch.from_numpy(np.stack([found.errors[-1] for found in tries])).argmin(0)
        return torch.stack([found.codes for found in tries])[best, torch.arange(len(images))]

    def refine(self, codes: Tensor, images: Tensor, search: Search) -> Tensor:
        """An encoder's codes after as many search steps as a WGAN-GP's codes get: closer to the generator's optimum."""
        return self.descend(images, codes, search, "none")

    def draw(self, codes: Tensor) -> Tensor:
        """Generate images from codes (n, latent_size)."""
        return in_blocks(self.generator, codes)

    def reconstruct(self, images: Tensor, search: Search) -> Tensor:
        """Encode images, and generate from their codes."""
        return self.draw(self.codes(images, search))

    def sample(self, count: int, seed: int) -> Tensor:
        """Generate images from codes of the prior. Raises ValueError for an autoencoder, which has none."""
        return self.draw(draw(self.prior, count, self.latent_size, seed))


def train_missing(sets: Sets, folder: Path, sizes: Sequence[int], seeds: Sequence[int], preset: str) -> None:
    """Train every missing run, and resume interrupted ones."""
    for seed in seeds:
        for size in sizes:
            for family in FAMILIES:
                run = folder / f"{family}-{size}-{seed}"
                if not is_finished(run):
                    options = ["--preset", preset, "--latent-size", str(size), "--seed", str(seed)]
                    options += ["--threads", str(torch.get_num_threads())]
                    train(family, sets.path, run, [*options, *(["--mirrored"] if family == "autoencoder" else [])])


def trained_models(folder: Path, sizes: Sequence[int], seeds: Sequence[int]) -> Iterator[Model]:
    """Yield the finished runs, smallest first."""
    for seed in seeds:
        for size in sizes:
            for family in FAMILIES:
                run = folder / f"{family}-{size}-{seed}"
                if is_finished(run):
                    yield load(run, family, size, seed)


def load(run: Path, family: str, size: int, seed: int) -> Model:
    """Load a run's networks, in the memory format that is fastest here."""
    trained = load_family(run)
    generator = trained.generator()
    assert generator is not None
    about, position = runs.read(run), json.loads((run / STATE).read_text())
    trained_for = {"steps": position["total_step"], "seconds": round(position["seconds"])}
    facts = about | about["data"] | trained_for | {"seed": seed}
    return Model(
        family=family,
        latent_size=size,
        seed=seed,
        networks=dict(trained.networks),
        encoder=None if trained.prior != "none" else trained.encoder().eval(),
        # Half the time of the default format for resize-convolution layers, measured on an AVX512 core.
        generator=generator.eval().requires_grad_(False).to(memory_format=torch.channels_last),
        prior=trained.prior,
        facts={fact: facts.get(fact) for fact in FACTS if fact != "commands"},
    )
