"""The effects of z' and of z on a picture: IVE-GAN's Figs 7 and 6."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.core import metrics
from benchmarks.judges.inverters import in_blocks, to_images
from benchmarks.judges.judge import Judge
from latentsearch.training.engine.family import Family
from latentsearch.training.engine.image_grids import save_image_grid
from latentsearch.training.families.ivegan import Ivegan

CODES, NOISES, RESAMPLES = 64, 5, 1_000
COLUMNS, FACES, DRAWS = 10, 8, 4


def measure_noise(family: Family, judge: Judge, seed: int) -> dict[str, Any] | None:
    """How far z' and z each move a picture in the judge's features; None for a family without z'.

    by_noise: mean distance between pictures with the same z and different z'; by_code: with the same z' and different
    z. alike: the mean cosine, over pairs of z, between the effects of the same change of z' ("a similar relative
    transformation in each image", section 4.3); unrelated: between the effects of two changes that share no z'.
    """
    if not isinstance(family, Ivegan):
        return None
    codes, noises = draw_both(family, CODES, seed)
    features = judge.features(grid(family, codes, noises)).view(CODES, NOISES, -1)
    by_noise = torch.stack([one_by_one(of_code) for of_code in features]).mean(dim=(1, 2)) * NOISES / (NOISES - 1)
    by_code = torch.stack([one_by_one(of_noise).mean(1) for of_noise in features.transpose(0, 1)]).mean(0)
    weights = metrics.bootstrap_weights(CODES, RESAMPLES, seed)
    return {
        "codes": CODES,
        "noises": NOISES,
        "by_noise": _mean(by_noise, weights),
        "by_code": _mean(by_code * CODES / (CODES - 1), weights),
        "alike": round(cosines(features, (0, 1), (0, 1)), 4),
        "unrelated": round(cosines(features, (0, 1), (2, 3)), 4),
    }


def draw_both(family: Ivegan, codes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw (z, z'): codes (codes, latent_size) from U(-1, 1) and noises (NOISES, noise_size) from N(0, 1)."""
    random = torch.Generator().manual_seed(seed)
    z = torch.rand(codes, family.recipe.latent_size, generator=random) * 2 - 1
    return z, torch.randn(NOISES, family.recipe.noise_size, generator=random)


def grid(family: Ivegan, codes: Tensor, noises: Tensor) -> Tensor:
    """G(z', z) for every pair of code and noise, grouped by code."""
    both = torch.cat([noises.repeat(len(codes), 1), codes.repeat_interleave(len(noises), 0)], 1)
    return in_blocks(family.published("generator"), both)


def one_by_one(features: Tensor) -> Tensor:
    """All pairwise distances of the rows (n, d): (n, n), 0 on the diagonal."""
    return torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")


def cosines(features: Tensor, first: tuple[int, int], second: tuple[int, int]) -> float:
    """Mean cosine between the effect of one change of z' on a code's picture and of another change on another code's.

    features: (codes, noises, d); first, second: the two noises of each change.
    """
    a, b = (F.normalize(features[:, before] - features[:, after]) for before, after in (first, second))
    products = a @ b.T
    return float((products.sum() - products.trace()) / (len(a) * (len(a) - 1)))


def save_noise_grids(family: Family, pixels: NDArray[np.uint8], seed: int, samples: Path, pictures: Path) -> None:
    """Write Fig. 7, generated pictures only, to `samples`, and Fig. 6, which shows real faces, into `pictures`.

    pixels: real faces uint8 (n, h, w, 3). Writes nothing for a family without z'.
    """
    if not isinstance(family, Ivegan):
        return
    codes, noises = draw_both(family, COLUMNS, seed)
    images = grid(family, codes, noises)
    # As in the paper: each column has one z, each row one z'.
    save_image_grid(samples, images.view(COLUMNS, NOISES, *images.shape[1:]).transpose(0, 1).flatten(0, 1), COLUMNS)
    save_image_grid(
        pictures / "ivegan-transformations.png", transformed(family, to_images(pixels[:FACES]), seed), 1 + 2 * DRAWS
    )


def transformed(family: Ivegan, x: Tensor, seed: int) -> Tensor:
    """Fig. 6, one row per face: x, DRAWS of T(x), DRAWS of G(z', E(x))."""
    random = torch.Generator().manual_seed(seed)
    moved = [family.transform(x, random) for _ in range(DRAWS)]
    codes = in_blocks(family.encoder(), x)
    noises = torch.randn(DRAWS, family.recipe.noise_size, generator=random)
    generated = [
        in_blocks(family.published("generator"), torch.cat([z_.expand(len(x), -1), codes], 1)) for z_ in noises
    ]
    return torch.stack([x, *moved, *generated], 1).flatten(0, 1)


def _mean(values: Tensor, weights: metrics.Floats) -> dict[str, Any]:
    numbers = values.double().numpy()
    return {"mean": round(float(numbers.mean()), 4), "interval": metrics.interval(weights @ numbers)}
