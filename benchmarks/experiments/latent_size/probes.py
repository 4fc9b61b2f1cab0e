"""The images that latent-size reconstructs: of the data, shifted, of other data, noise, and the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.core.metrics import Floats, resampled
from benchmarks.datasets.image_sets import Pixels, Sets
from benchmarks.experiments.latent_size.models import Model, Search
from benchmarks.judges.inverters import to_images, to_pixels
from latentsearch.data.cifar10 import load_photographs

SHOWN = 8
RESAMPLES = 1_000
SHIFTS = (1, 2, 4, 8)  # pixels to the right and downwards
NOISE_VARIANCE = 1 / 3  # of U(-1, 1)
# Errors are of values in [-1, 1], the range of tanh; a squared error in [0, 1] is a quarter of that.
SCALE = 4


def of_part(part: str, sets: Sets, count: int, seed: int, other: Path | None) -> dict[str, Tensor]:
    """Name -> the images (n, 3, h, w) of a part, at most `count`; "reconstruction" uses the data's own."""
    known = known_images(sets, count, seed)
    train = known["train"]
    if part == "shifted":
        return {f"shifted by {by}": shifted(train, by) for by in SHIFTS}
    if part == "noise":
        return {"noise": noise(train.shape, sets.name == "mnist", seed)}
    if part == "other":
        return {"CIFAR-10": enlarged(other, train.shape[2], len(train), seed)} if other else {}
    return known


def known_images(sets: Sets, count: int, seed: int) -> dict[str, Tensor]:
    """Split -> at most `count` of its images."""
    splits = {"train": sets.train, "validation": sets.validation}
    return {name: to_images(split.some(count, seed).images) for name, split in splits.items()}


def shifted(images: Tensor, by: int) -> Tensor:
    """Images moved right and down, with the edge repeated."""
    return F.pad(images, (by, 0, by, 0), mode="replicate")[..., : images.shape[2], : images.shape[3]]


def noise(shape: torch.Size, grey: bool, seed: int) -> Tensor:
    """Uniform values in [0, 1]; grey: the same in all three channels."""
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return drawn[:, :1].expand(shape) if grey else drawn


def enlarged(path: Path, side: int, count: int, seed: int) -> Tensor:
    """Training images of CIFAR-10, resized bilinearly."""
    images = load_photographs(path, "train").images
    rows = np.random.default_rng(seed).permutation(len(images))[:count]
    return F.interpolate(to_images(images[np.sort(rows)]), (side, side), mode="bilinear")


def errors(images: Tensor, drawn: Tensor) -> Floats:
    """The mean squared error per value in [-1, 1], of every image: float64 (n,)."""
    return np.asarray((drawn - images).square().flatten(1).mean(1).double().numpy() * SCALE)


def measure(model: Model, images: Tensor, search: Search, shown: Path, refine: bool) -> dict[str, Any]:
    """The mean error of a model's reconstructions and mean length of the codes; stores some reconstructions at `shown`.

    refine: for an autoencoder, also the error after its codes were refined by as many search steps as a WGAN-GP's.
    """
    codes = model.codes(images, search)
    drawn = model.draw(codes)
    keep_shown(shown, to_pixels(drawn[:SHOWN].clamp(0, 1)))
    measured = {
        "error": resampled(errors(images, drawn), RESAMPLES, search.seed),
        "length": round(float(codes.norm(dim=1).mean()), 3),
    }
    if refine and model.encoder is not None:
        refined = model.draw(model.refine(codes, images, search))
        measured["refined"] = resampled(errors(images, refined), RESAMPLES, search.seed)
    return measured


def measure_own(model: Model, count: int, search: Search) -> dict[str, Any]:
    """The error for images that the model generated; the search starts from codes other than theirs."""
    images = model.sample(count, search.seed + 1)
    return {"error": resampled(errors(images, model.reconstruct(images, search)), RESAMPLES, search.seed)}


def measure_encoded(model: Model, sets: Sets, count: int, seed: int) -> dict[str, Any]:
    """An autoencoder's errors on more images than a search can handle: many are needed to compare similar sizes."""
    images = known_images(sets, count, seed)
    drawn = {name: model.reconstruct(x, Search(0, (), seed)) for name, x in images.items()}
    return {name: {"error": resampled(errors(x, drawn[name]), RESAMPLES, seed)} for name, x in images.items()}


def errors_of_the_mean(sets: Sets, count: int, seed: int) -> dict[str, float]:
    """The errors of one image for all: the mean of some training images."""
    images = known_images(sets, count, seed)
    mean = images["train"].mean(0, keepdim=True)
    return {name: round(float(errors(x, mean).mean()), 5) for name, x in images.items()}


def keep_shown(path: Path, pixels: Pixels) -> None:
    """Store images uint8 (n, h, w, 3) for the sheets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, pixels, allow_pickle=False)
