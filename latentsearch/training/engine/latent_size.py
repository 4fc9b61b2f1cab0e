"""Choose a latent size by the reconstruction errors of autoencoders of several sizes.

An autoencoder's error is a lower bound for the error of a GAN with the same networks ("Impact of the latent space on
the ability of GANs to fit the distribution", section 4.1), and an autoencoder trains in a fraction of the time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.errors import InputError
from indexer.system.disk import write_json
from latentsearch.training.datasets import examples
from latentsearch.training.datasets.images import Images, to_float
from latentsearch.training.engine.family import Family, Recipe
from latentsearch.training.engine.loop import require_batch, train
from latentsearch.training.engine.precision import Precision
from latentsearch.training.engine.registry import choose_recipe, load_module
from latentsearch.training.progress import Progress

SIZES = (10, 50, 100, 500, 1000)
FACTOR, STEPS = 1.2, 1_000
# One image in LEAST_SHARE, at most VALIDATION, is held out; errors are computed on BLOCK images at a time.
VALIDATION, LEAST_SHARE, BLOCK = 1_000, 10, 100
CHOICE = "latent-size.json"
AUTOENCODER = "autoencoder"


@dataclass(frozen=True)
class Choice:
    """A chosen latent size.

    factor: the accepted ratio of its error to the largest size's. errors: mean squared error on validation images, of
    values in [0, 1], by size.
    """

    size: int
    factor: float
    errors: dict[int, float]

    @property
    def reason(self) -> str:
        """The reason for the choice in one sentence."""
        largest = max(self.errors)
        smaller = [f"{size}: {error:.5f}" for size, error in self.errors.items() if size < self.size]
        rejected = f"; errors of smaller sizes: {', '.join(smaller)}" if smaller else ""
        return (
            f"latent size {self.size}: the smallest whose autoencoder's validation error, "
            f"{self.errors[self.size]:.5f}, is at most {self.factor:g} times the error at size {largest}, "
            f"{self.errors[largest]:.5f}{rejected}"
        )


def pick(errors: dict[int, float], factor: float) -> Choice:
    """Choose the smallest size whose error is at most `factor` times the error of the largest size."""
    bound = factor * errors[max(errors)]
    return Choice(min(size for size, error in errors.items() if error <= bound), factor, errors)


def choose(
    data: Path,
    folder: Path,
    *,
    sizes: Sequence[int] = SIZES,
    factor: float = FACTOR,
    steps: int = STEPS,
    seed: int = 0,
    precision: Precision,
    report: Callable[[int, Progress], None] = lambda size, progress: None,
) -> Choice:
    """Train a mirrored autoencoder (preset `small`) of each size for `steps` steps, and choose a size by their errors.

    `steps` is rounded up to whole epochs. If the data set has no held-out images, one image in ten is held out, at most
    1,000. Errors and autoencoders are stored in the folder (latent-size.json and latent-size/), so that an interrupted
    choice can continue. report: called with the size and its training progress. Raises InputError for data that
    autoencoders do not support, or with fewer images than a batch.
    """
    recipe = _autoencoder_recipe(data)
    require_batch(examples.count(data) * (LEAST_SHARE - 1) // LEAST_SHARE, recipe.batch)
    folder.mkdir(parents=True, exist_ok=True)
    images = examples.load(data, folder, recipe.framing, lambda done, total: None)
    assert isinstance(images, Images)
    learned, validation = split(images, seed)
    epochs = math.ceil(steps / (len(learned) // recipe.batch))
    settings = {"sizes": list(sizes), "steps": steps, "seed": seed}
    errors = _measured(folder, settings)
    for size in sizes:
        if size not in errors:
            sized = _autoencoder_recipe(data, latent_size=size, seed=seed, epochs=epochs)
            family = load_module(AUTOENCODER).FAMILY(sized, precision)
            run = folder / "latent-size" / str(size)
            run.mkdir(parents=True, exist_ok=True)
            train(family, learned, run, lambda progress, size=size: report(size, progress))  # type: ignore[misc]
            errors[size] = squared_error_of(family, validation)
            write_json(folder / CHOICE, {"settings": settings, "errors": errors})
    choice = pick(errors, factor)
    write_json(folder / CHOICE, {"settings": settings, **asdict(choice)})
    return choice


def _autoencoder_recipe(data: Path, **settings: int) -> Recipe:
    """Return the recipe of a mirrored autoencoder (preset `small`). Raises InputError if there is none for the data."""
    try:
        return choose_recipe(AUTOENCODER, examples.content_of(data), "small", {"mirrored": True, **settings})
    except InputError as error:
        content = examples.content_of(data)
        raise InputError(f"no latent size can be chosen for {content}: give --latent-size a number") from error


def _measured(folder: Path, settings: dict[str, Any]) -> dict[int, float]:
    path = folder / CHOICE
    kept = json.loads(path.read_text()) if path.exists() else {}
    return {int(size): error for size, error in kept["errors"].items()} if kept.get("settings") == settings else {}


@dataclass(frozen=True)
class Part:
    """A subset of a run's training images, by rows."""

    images: Images
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """Return images float32 (n, 3, h, w) in [0, 1]."""
        return self.images.batch(self.rows[rows])

    def labels(self, rows: NDArray[np.int64]) -> None:
        """Return None: autoencoders do not use labels."""

    def shown(self) -> Tensor:
        """Return the images for the grids."""
        return self.images.shown()


def split(images: Images, seed: int) -> tuple[Part, NDArray[np.uint8]]:
    """Split images into training images and validation images uint8 (n, h, w, 3), at most 1,000.

    Validation images are the held-out ones, or one in ten drawn by the seed if there are none.
    """
    rows = np.random.default_rng(seed).permutation(len(images))
    if images.held_out:
        return Part(images, rows), np.array(images.pixels[: min(images.held_out, VALIDATION)])
    count = min(math.ceil(len(images) / LEAST_SHARE), VALIDATION)
    return Part(images, rows[count:]), np.array(images.pixels[np.sort(rows[:count])])


@torch.no_grad()
def squared_error_of(family: Family, pixels: NDArray[np.uint8]) -> float:
    """Return the mean squared error, of values in [0, 1], of reconstructions of images uint8 (n, h, w, 3)."""
    encoder, generator, device = family.encoder(), family.generator(), family.precision.device
    assert generator is not None
    total = 0.0
    for start in range(0, len(pixels), BLOCK):
        x = to_float(pixels[start : start + BLOCK]).to(device)
        total += float((generator(encoder(x)) - x).square().mean()) * len(x)
    return round(total / len(pixels), 7)
