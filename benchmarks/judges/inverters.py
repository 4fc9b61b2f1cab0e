"""Encoders and the generators that they invert, from training runs: generate, encode and reconstruct pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.methods.learned import FACTS, NAMES
from indexer.errors import InputError
from latentsearch.inversion.optimise import draw
from latentsearch.training.engine.trained import Trained, load_trained

BLOCK = 100


@dataclass(frozen=True)
class Inverter:
    """A run's encoder and generator. Images are float32 (n, 3, h, w) in [0, 1]."""

    trained: Trained
    generator: nn.Module

    @property
    def key(self) -> str:
        """The family's key."""
        return self.trained.family

    @property
    def name(self) -> str:
        """The family's name in tables."""
        return NAMES.get(self.key, self.key)

    @property
    def facts(self) -> dict[str, object]:
        """The FACTS that identify the run and allow it to be repeated."""
        return {fact: self.trained.facts.get(fact) for fact in FACTS}

    def generate(self, count: int, seed: int) -> Tensor:
        """Generate images from codes of the prior; a seed gives the same codes for equal priors and sizes."""
        return in_blocks(self.generator, draw(self.trained.prior, count, self.trained.latent_size, seed))

    def reconstruct(self, images: Tensor) -> Tensor:
        """G(E(x))."""
        return in_blocks(lambda block: self.generator(self.trained.generator_codes(block)), images)

    def with_generator_of(self, other: Inverter) -> Inverter:
        """This encoder with the other's generator, which must have the same weights; batch statistics may differ.

        Raises InputError if the weights differ.
        """
        ours, theirs = dict(self.generator.named_parameters()), dict(other.generator.named_parameters())
        if ours.keys() != theirs.keys() or not all(torch.equal(ours[name], theirs[name]) for name in ours):
            raise InputError(f"the run of {self.key} inverts a different generator from the run of {other.key}")
        return replace(self, generator=other.generator)


def load_inverter(run: Path) -> Inverter:
    """Load the inverter of a training run.

    Raises InputError if the run has no generator, or one that cannot generate from random codes alone.
    """
    trained, _ = load_trained(run, terms="")
    if trained.generator is None or trained.prior == "none" or trained.labels:
        raise InputError(
            f"{run} holds a run of {trained.family}, which cannot generate pictures from random codes alone"
        )
    return Inverter(trained, trained.generator)


def in_blocks(network: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Apply a network to a large batch in blocks, without gradients."""
    with torch.no_grad():
        return torch.cat([network(block) for block in torch.split(batch, BLOCK)])


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """Images in [0, 1] (n, 3, h, w) -> uint8 (n, h, w, 3)."""
    pixels: NDArray[np.uint8] = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return pixels


def to_images(pixels: NDArray[np.uint8]) -> Tensor:
    """Pixels uint8 (n, h, w, 3) -> images in [0, 1] (n, 3, h, w)."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255
