"""Find codes of pictures by optimisation through a generator, in batches and without an encoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from indexer.progress import Report
from latentsearch.training.engine.losses import squared_error

Generator = Callable[[Tensor], Tensor]
Method = Literal["gradient", "projected"]
METHODS: tuple[Method, ...] = ("gradient", "projected")
BATCH = 64


@dataclass(frozen=True)
class Inverted:
    """The result of an inversion.

    codes: float32 (n, latent_size). errors: float32 (steps + 1, n), the method's objective for each picture before the
    first step and after each step: the cross-entropy or squared error, summed over the picture's values.
    """

    codes: Tensor
    errors: NDArray[np.float32]


@dataclass(frozen=True)
class Schedule:
    """The number of steps of a method and their learning rate."""

    steps: int
    learning_rate: float


# The learning rates with the least error among those tried, on aegan's generator from random codes. Errors are mean
# absolute differences on a scale of 0 to 255, for real faces and for generated pictures:
# - projected, 200 steps, 4 and 4 pictures: 14.1 and 3.3 at 0.1, 13.3 and 2.6 at 0.2, 13.9 and 2.9 at 0.4.
# - gradient, 300 steps, 6 and 6 pictures: 20.1 and 8.4 at 1e-4, 18.4 and 6.1 at 3e-4, 19.8 and 8.6 at 1e-3, where codes
#   begin to jump. After 200 steps, 4 and 4 pictures: 16.8 and 7.4 at 3e-4.
SCHEDULES: dict[Method, Schedule] = {
    "gradient": Schedule(200, 3e-4),
    "projected": Schedule(200, 0.2),
}


def invert(
    generator: Generator,
    images: Tensor,
    *,
    latent_size: int,
    method: Method,
    prior: str = "uniform",
    start: Tensor | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    report: Report = lambda done, total: None,
) -> Inverted:
    """Find codes whose generated pictures match the images.

    generator: codes (n, latent_size) -> images (n, 3, h, w) in [0, 1], in eval mode. images: float32 (n, 3, h, w) in
    [0, 1]. start: initial codes (n, latent_size); None draws them from the prior with the seed. steps, learning_rate:
    None for the method's defaults (SCHEDULES). report: called with the steps done and their total.

    "gradient" is gradient descent on z (Creswell; AEGAN eq. 2):
        z = z - a * gradient of [-x log G(z) - (1 - x) log(1 - G(z))], summed over a picture's values.
    "projected" minimises ||G(z) - x||^2 with Adam and projects z onto the prior's ball after each step; see `radius`
    ("Impact of the latent space on the ability of GANs to fit the distribution", eq. 5).

    Pictures do not influence each other: errors are summed, not averaged, and Adam scales each dimension separately.
    Raises ValueError if the method is unknown, the start has another shape, or there is neither a start nor a prior to
    draw it from.
    """
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}: choose from {', '.join(METHODS)}")
    codes = draw(prior, len(images), latent_size, seed) if start is None else start.detach().float()
    if codes.shape != (len(images), latent_size):
        raise ValueError(f"the start has the shape {tuple(codes.shape)}, not {(len(images), latent_size)}")
    schedule = Schedule(
        SCHEDULES[method].steps if steps is None else steps,
        SCHEDULES[method].learning_rate if learning_rate is None else learning_rate,
    )
    descend = _gradient if method == "gradient" else _projected
    batches = list(zip(torch.split(images, BATCH), torch.split(codes, BATCH), strict=True))
    found, errors = [], []
    for number, (x, z) in enumerate(batches):
        count = _counter(report, number * schedule.steps, len(batches) * schedule.steps)
        found_codes, found_errors = descend(generator, x, z.clone(), schedule, radius(prior, latent_size), count)
        found.append(found_codes)
        errors.append(found_errors)
    return Inverted(torch.cat(found), torch.cat(errors, 1).numpy())


def radius(prior: str, latent_size: int) -> float:
    """Return the radius of the ball that contains nearly all codes of a prior; infinite for "none".

    This is the three-sigma rule of eq. 5: ||z||^2 <= E||z||^2 + 3 sqrt(Var ||z||^2). For N(0, 1), the square of a
    dimension has mean 1 and variance 2, which gives the paper's dim + 3 sqrt(2 dim). For U(-1, 1), which the paper does
    not cover, it has mean 1/3 and variance 1/5 - 1/9 = 4/45, which gives dim / 3 + 3 sqrt(4 dim / 45).
    """
    if prior == "none":
        return math.inf
    mean, variance = {"gaussian": (1, 2), "uniform": (1 / 3, 4 / 45)}[prior]
    return math.sqrt(mean * latent_size + 3 * math.sqrt(variance * latent_size))


def project(codes: Tensor, longest: float) -> Tensor:
    """Scale codes (n, d) that are longer than `longest` to that length."""
    lengths = codes.norm(dim=1, keepdim=True)
    return torch.where(lengths > longest, codes * (longest / lengths), codes)


def draw(prior: str, count: int, latent_size: int, seed: int) -> Tensor:
    """Draw codes float32 (count, latent_size) from a prior with a seed; raises ValueError for the prior "none"."""
    random = torch.Generator().manual_seed(seed)
    if prior == "gaussian":
        return torch.randn(count, latent_size, generator=random)
    if prior == "uniform":
        return torch.rand(count, latent_size, generator=random) * 2 - 1
    raise ValueError("this generator's codes have no prior to draw a start from: give a start")


def cross_entropy(x: Tensor, generated: Tensor) -> Tensor:
    """-x log G(z) - (1 - x) log(1 - G(z)), summed over each image (AEGAN eq. 2): (n, 3, h, w) -> (n,)."""
    return F.binary_cross_entropy(generated, x, reduction="none").flatten(1).sum(1)


Found = tuple[Tensor, Tensor]
Count = Callable[[int], None]


def _gradient(generator: Generator, x: Tensor, z: Tensor, schedule: Schedule, _: float, count: Count) -> Found:
    z.requires_grad_(True)
    errors = []
    for step in range(schedule.steps):
        error = cross_entropy(x, generator(z))
        (slope,) = torch.autograd.grad(error.sum(), z)
        with torch.no_grad():
            z -= schedule.learning_rate * slope
        errors.append(error.detach())
        count(step + 1)
    return z.detach(), _with_last(errors, cross_entropy, generator, x, z)


def _projected(generator: Generator, x: Tensor, z: Tensor, schedule: Schedule, longest: float, count: Count) -> Found:
    z = project(z, longest).requires_grad_(True)
    adam = torch.optim.Adam([z], schedule.learning_rate)
    errors = []
    for step in range(schedule.steps):
        error = squared_error(x, generator(z))
        (z.grad,) = torch.autograd.grad(error.sum(), z)
        adam.step()
        with torch.no_grad():
            z.copy_(project(z, longest))
        errors.append(error.detach())
        count(step + 1)
    return z.detach(), _with_last(errors, squared_error, generator, x, z)


@torch.no_grad()
def _with_last(
    errors: list[Tensor], measure: Callable[[Tensor, Tensor], Tensor], generator: Generator, x: Tensor, z: Tensor
) -> Tensor:
    return torch.stack([*errors, measure(x, generator(z))])


def _counter(report: Report, before: int, total: int) -> Count:
    return lambda done: report(before + done, total)
