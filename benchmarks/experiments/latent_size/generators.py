"""Properties of a generator: weights (Fig. 1), the loss around a code (Fig. 2), codes outside the ball (Fig. 10)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from benchmarks.experiments.latent_size.models import Model, Search
from benchmarks.experiments.latent_size.probes import SCALE
from latentsearch.inversion.optimise import draw, radius
from latentsearch.models.wgan import Generator

BINS = np.linspace(-4, 4, 65)  # standard deviations
SURFACES, STEPS = 16, 21  # number of codes; grid points per side, a and b in [-2, 2]
ORIGIN, GOAL = (STEPS // 2, STEPS // 2), (STEPS // 2 + STEPS // 4, STEPS // 2)  # (a, b) = (0, 0) and (1, 0)

Floats = NDArray[np.float64]


def weights(model: Model) -> list[dict[str, Any]]:
    """Compare each layer's weights with the normal distribution of the same mean and standard deviation (Fig. 1).

    deviation: the standard deviation after training. moved: the standard deviation of the change by training, relative
    to the initial one. kolmogorov and kolmogorov_before: the largest difference between the two distribution functions,
    after and before training (0.0572 for a uniform distribution). counts: weights per bin of BINS.
    """
    now = _layers(model.networks["generator"])
    recipe = model.facts["recipe"]
    torch.manual_seed(recipe["seed"])
    before = _layers(_untrained(model.networks["generator"], recipe["width"], model.latent_size))
    return [_against_normal(name, values, before[name]) for name, values in now.items()]


def _layers(network: nn.Module) -> dict[str, Floats]:
    names = {nn.Linear: "dense", nn.Conv2d: "convolution"}
    found = [(names[type(m)], m.weight) for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    return {f"{number} {name}": w.detach().flatten().double().numpy() for number, (name, w) in enumerate(found, 1)}


def _untrained(trained: nn.Module, width: int, latent_size: int) -> Generator:
    drawn = trained(torch.zeros(2, latent_size))
    return Generator(width, latent_size, drawn.shape[2], drawn.shape[1])


def _against_normal(name: str, values: Floats, before: Floats) -> dict[str, Any]:
    standard, first = ((rows - rows.mean()) / rows.std() for rows in (values, before))
    return {
        "layer": name,
        "weights": len(values),
        "deviation": round(float(values.std()), 5),
        "moved": round(float((values - before).std() / before.std()), 4),
        "kolmogorov": round(float(stats.kstest(standard, "norm").statistic), 4),
        "kolmogorov_before": round(float(stats.kstest(first, "norm").statistic), 4),
        "excess_kurtosis": round(float(stats.kurtosis(values)), 3),
        "counts": np.histogram(standard, BINS)[0].tolist(),
    }


def surfaces(model: Model, seed: int) -> dict[str, Any]:
    """The loss around codes z* of the prior, f(a, b) = |G(z0 + a alpha + b beta) - G(z*)|^2 (eq. 1, Fig. 2).

    z0 = 0, alpha = z* - z0, beta = (alpha[1], -alpha[0], 0, ...) with alpha's length; a, b in [-2, 2]. found: the share
    of codes for which descent over grid points leads from z0 to z*. minima: the mean number of grid points lower than
    their eight neighbours. surface: of the first code, (a, b).
    """
    grids = [surface(model, code) for code in draw(model.prior, SURFACES, model.latent_size, seed)]
    return {
        "codes": SURFACES,
        "found": round(float(np.mean([downhill(grid, ORIGIN) == GOAL for grid in grids])), 4),
        "minima": round(float(np.mean([count_minima(grid) for grid in grids])), 3),
        "surface": grids[0].round(5).tolist(),
    }


def surface(model: Model, code: Tensor) -> Floats:
    """f on the grid, as mean squared errors of values in [-1, 1]: (STEPS, STEPS), a along the first axis."""
    alpha, beta = code, torch.zeros_like(code)
    beta[0], beta[1] = alpha[1], -alpha[0]
    beta *= alpha.norm() / beta.norm()
    ways = torch.linspace(-2, 2, STEPS)
    codes = ways[:, None, None] * alpha + ways[None, :, None] * beta
    drawn = model.draw(torch.cat([code[None], codes.flatten(0, 1)]))
    losses = (drawn[1:] - drawn[:1]).square().flatten(1).mean(1) * SCALE
    return np.asarray(losses.view(STEPS, STEPS).double().numpy())


def downhill(grid: Floats, start: tuple[int, int]) -> tuple[int, int]:
    """Move to the lowest neighbour while it is lower, and return the end point."""
    here = start
    while True:
        lowest = min(_around(grid, here), key=lambda point: float(grid[point]))
        if grid[lowest] >= grid[here]:
            return here
        here = lowest


def count_minima(grid: Floats) -> int:
    """The number of grid points that are lower than all their neighbours."""
    return sum(all(grid[point] < grid[other] for other in _around(grid, point)) for point in np.ndindex(*grid.shape))


def _around(grid: Floats, point: tuple[int, ...]) -> list[tuple[int, int]]:
    rows, columns = (range(max(at - 1, 0), min(at + 2, size)) for at, size in zip(point, grid.shape, strict=True))
    return [(row, column) for row in rows for column in columns if (row, column) != point]


def lengths(model: Model, images: dict[str, Tensor], search: Search) -> dict[str, Any]:
    """Lengths of codes found without a ball (Fig. 10), lengths of codes of the prior, and the ball's radius.

    within: the share of found codes inside the ball.
    """
    longest = radius(model.prior, model.latent_size)
    found = {}
    for name, x in images.items():
        start = draw(model.prior, len(x), model.latent_size, search.seed)
        norms = model.descend(x, start, search, "none").norm(dim=1)
        found[name] = {"lengths": _plain(norms), "within": round(float((norms <= longest).float().mean()), 4)}
    prior = draw(model.prior, 1_000, model.latent_size, search.seed).norm(dim=1)
    return {"radius": round(longest, 4), "prior": _plain(prior), "found": found}


def _plain(norms: Tensor) -> list[float]:
    return [round(float(norm), 3) for norm in norms]
