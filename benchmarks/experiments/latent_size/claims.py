"""Compares the claims of the paper on the size of the latent space with stored figures of latent-size."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

FAMILIES = {"autoencoder": "autoencoder", "wgan-gp": "WGAN-GP"}
NOISE_VARIANCE, NOISE_BAR, SMALL = 1 / 3, 0.9, 100

Parts = dict[str, dict[str, Any]]


class Table:
    """Stored figures by part, family and latent size; figures of several seeds are lists."""

    def __init__(self, summary: dict[str, Any]) -> None:
        self.parts: Parts = summary["parts"]
        self.sizes: list[int] = summary["settings"]["sizes"]
        self.seeds: list[int] = summary["settings"]["seeds"]

    def values(self, part: str, family: str, size: int, pick: Callable[[Any], float]) -> list[float]:
        """The figures of all available seeds."""
        rows = self.parts.get(part, {})
        keys = [f"{family}-{size}-{seed}" for seed in self.seeds]
        return [pick(rows[key]) for key in keys if key in rows]

    def by_seed(self, part: str, family: str, pick: Callable[[Any], float]) -> dict[int, list[float]]:
        """Size -> the figures of its seeds, for sizes with results."""
        found = {size: self.values(part, family, size, pick) for size in self.sizes}
        return {size: values for size, values in found.items() if values}

    def means(self, part: str, family: str, pick: Callable[[Any], float]) -> dict[int, float]:
        """Size -> the mean over its seeds, for sizes with results."""
        return {size: sum(values) / len(values) for size, values in self.by_seed(part, family, pick).items()}

    def spread(self, part: str, family: str, pick: Callable[[Any], float]) -> float:
        """The largest difference between two seeds of the same size. Raises ValueError if there are no results."""
        return max(max(values) - min(values) for values in self.by_seed(part, family, pick).values())

    def errors_of_most(self, family: str) -> str:
        """The key of the errors on the most images: more for encoders, which need no search."""
        encoded = f"encoded {family}"
        return encoded if self.by_seed("reconstruction", encoded, error_of("validation")) else family


def error_of(probe: str) -> Callable[[Any], float]:
    """A function that picks the mean error of a probe."""
    return lambda row: float(row[probe]["error"]["mean"])


def refined_of(probe: str) -> Callable[[Any], float]:
    """A function that picks a probe's mean error after an autoencoder's codes were refined by search."""
    return lambda row: float(row[probe]["refined"]["mean"])


def distance_of(row: Any) -> float:
    """The Frechet distance of a row."""
    return float(row["distance"])


def claims(table: Table) -> list[str]:
    """One sentence per claim: the figures, and whether they agree with the paper."""
    found = [
        _below(table, False),
        _below(table, True),
        *(_falls(table, family) for family in FAMILIES),
        _flat(table),
        _improves(table),
    ]
    return [sentence for sentence in (*found, _noise(table)) if sentence]


def _said(holds: bool) -> str:
    return "Holds" if holds else "**Does not hold**"


def _listed(values: dict[int, float]) -> str:
    return ", ".join(f"{value:.4f} at {size}" for size, value in values.items())


def _below(table: Table, refined: bool) -> str:
    both: dict[tuple[str, int], tuple[float, float]] = {}
    for probe in ("train", "validation"):
        ours = table.means("reconstruction", "autoencoder", (refined_of if refined else error_of)(probe))
        theirs = table.means("reconstruction", "wgan-gp", error_of(probe))
        both |= {(probe, size): (ours[size], theirs[size]) for size in ours if size in theirs}
    if not both:
        return ""
    above = [f"{probe} {size} ({ae:.4f} and {gan:.4f})" for (probe, size), (ae, gan) in both.items() if ae >= gan]
    text = "The autoencoder's error is below the WGAN-GP's at every size, on training and validation images"
    text += ", after its codes are refined by as many search steps as the WGAN-GP's." if refined else "."
    return f"{text} {_said(not above)}{', except for ' + '; '.join(above) if above else ''}."


def _falls(table: Table, family: str) -> str:
    errors = table.errors_of_most(family)
    means = table.means("reconstruction", errors, error_of("validation"))
    if len(means) < 2:
        return ""
    images = max(table.means("reconstruction", errors, lambda row: int(row["validation"]["error"]["n"])).values())
    measured = f"{images:,.0f} validation images: {_listed(means)}"
    text = f"The {FAMILIES[family]}'s error falls with the latent size ({measured})."
    rises, known = (_rises(table, errors, probe) for probe in ("validation", "train"))
    return (
        f"{text} {_said(not rises)}{': it rises ' + ', '.join(rises) if rises else ''}."
        f"{' On training images it rises ' + ', '.join(known) + '.' if known else ''}"
    )


def _rises(table: Table, errors: str, probe: str) -> list[str]:
    means = table.means("reconstruction", errors, error_of(probe))
    spread = table.spread("reconstruction", errors, error_of(probe))
    return [
        f"from {a} to {b} by {means[b] / means[a] - 1:.1%}{', less than seeds differ' * (rise < spread)}"
        for a, b in pairwise(means)
        if (rise := means[b] - means[a]) >= 0
    ]


def _flat(table: Table) -> str:
    means = table.means("quality", "wgan-gp", distance_of)
    if len(means) < 2:
        return ""
    across = max(means.values()) - min(means.values())
    spread = table.spread("quality", "wgan-gp", distance_of)
    text = (
        "The perceptual quality of the WGAN-GP is flat: its mean distance differs no more between latent sizes "
        f"than between seeds of one size ({_listed(means)}: {across:.4f} between sizes"
    )
    if max(map(len, table.by_seed("quality", "wgan-gp", distance_of).values())) < 2:
        return f"{text}; with one seed per size the spread is unknown). Undecided."
    return f"{text}, at most {spread:.4f} between seeds). {_said(across <= spread)}."


def _improves(table: Table) -> str:
    means = table.means("quality", "autoencoder", distance_of)
    if len(means) < 2:
        return ""
    rises = [f"from {a} to {b}" for a, b in pairwise(means) if means[b] >= means[a]]
    first, last = means[min(means)], means[max(means)]
    text = f"The perceptual quality of the autoencoder improves with the latent size ({_listed(means)})."
    return f"{text} {_said(last < first)}{', except ' + ', '.join(rises) if rises and last < first else ''}."


def _noise(table: Table) -> str:
    means = table.means("noise", "wgan-gp", error_of("noise"))
    small = {size: value / NOISE_VARIANCE for size, value in means.items() if size <= SMALL}
    if not small:
        return ""
    text = (
        f"A WGAN-GP with a small latent size (up to {SMALL}) does not reconstruct noise: the error is at least "
        f"{NOISE_BAR} of the noise's variance (shares: {_listed(small)})."
    )
    return f"{text} {_said(min(small.values()) >= NOISE_BAR)}."
