"""Plots of latent-size, from stored figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.page import import_pyplot, save
from benchmarks.experiments.latent_size.claims import FAMILIES, NOISE_VARIANCE, Table, distance_of, error_of

COLOURS = {"autoencoder": "tab:orange", "wgan-gp": "tab:blue"}
STYLES = {"train": "o-", "validation": "s--"}


def plots(summary: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Write NAME-sizes.png, and for measured parts NAME-weights.png, NAME-surface.png and NAME-lengths.png."""
    table = Table(summary)
    made = [save(by_size(table), folder / f"{name}-sizes.png")]
    for part, draw in {"weights": weights, "surface": surfaces, "lengths": lengths}.items():
        if part in table.parts:
            made.append(save(draw(table.parts[part]), folder / f"{name}-{part}.png"))
    return made


def by_size(table: Table) -> Any:
    """Errors (Fig. 3), distances (Fig. 4) and the error of noise (Fig. 8) against the latent size."""
    figure, (errors, quality, noise) = import_pyplot().subplots(1, 3, figsize=(13, 3.8))
    for family, title in FAMILIES.items():
        for probe, style in STYLES.items():
            _line(errors, table.means("reconstruction", family, error_of(probe)), style, family, f"{title}, {probe}")
        _line(quality, table.means("quality", family, distance_of), "o-", family, title)
        for size in table.sizes:
            values = table.values("quality", family, size, distance_of)
            quality.plot([size] * len(values), values, ".", color=COLOURS[family], markersize=4)
        _line(noise, table.means("noise", family, error_of("noise")), "o-", family, title)
    noise.axhline(NOISE_VARIANCE, color="grey", linewidth=1, linestyle=":", label="variance of the noise")
    titles = ("reconstruction error", "Frechet distance of features", "reconstruction error on noise")
    for panel, title in zip((errors, quality, noise), titles, strict=True):
        panel.set(xscale="log", xlabel="latent size", title=title, ylim=(0, None))
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    figure.tight_layout()
    return figure


def _line(panel: Any, means: dict[int, float], style: str, family: str, label: str) -> None:
    if means:
        panel.plot(list(means), list(means.values()), style, color=COLOURS[family], label=label, markersize=4)


def weights(rows: dict[str, Any]) -> Any:
    """Fig. 1: histograms of each layer's weights, in its standard deviations, beside the normal distribution."""
    figure, panels = import_pyplot().subplots(1, len(rows), figsize=(3.4 * len(rows), 3.2), sharey=True, squeeze=False)
    edges = np.linspace(-4, 4, 65)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    for panel, (key, layers) in zip(panels[0], rows.items(), strict=True):
        for layer in layers:
            counts = np.array(layer["counts"])
            panel.plot(middles, counts / counts.sum() / width, linewidth=0.9, label=layer["layer"])
        panel.plot(middles, np.exp(-(middles**2) / 2) / np.sqrt(2 * np.pi), "k:", label="normal")
        panel.set(title=f"latent size {key.split('-')[2]}", xlabel="standard deviations", ylim=(0, 0.8))
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    return figure


def surfaces(rows: dict[str, Any]) -> Any:
    """Fig. 2: the loss around one code of each size; z0 lies at (0, 0), z* at (1, 0)."""
    figure, panels = import_pyplot().subplots(1, len(rows), figsize=(3.1 * len(rows), 3.2), squeeze=False)
    for panel, (key, row) in zip(panels[0], rows.items(), strict=True):
        ways = np.linspace(-2, 2, len(row["surface"]))
        drawn = panel.contourf(ways, ways, np.array(row["surface"]).T, 20)
        figure.colorbar(drawn, ax=panel)
        panel.plot([0, 1], [0, 0], "w.--", markersize=5)
        panel.set(title=f"latent size {key.split('-')[2]}", xlabel="a", ylabel="b")
    figure.tight_layout()
    return figure


def lengths(rows: dict[str, Any]) -> Any:
    """Fig. 10: lengths of codes of the prior and of codes found without a ball."""
    figure, panel = import_pyplot().subplots(figsize=(5.5, 3.4))
    row = next(iter(rows.values()))
    found = {"of the prior": row["prior"]} | {name: one["lengths"] for name, one in row["found"].items()}
    bins = np.histogram_bin_edges(np.concatenate([*found.values()]), 60)
    for name, values in found.items():
        panel.hist(values, bins, density=True, alpha=0.6, label=name)
    panel.axvline(row["radius"], color="black", linewidth=1, linestyle=":", label="the ball's radius")
    panel.set(xlabel="length of the code", ylabel="density")
    panel.legend(fontsize=8)
    figure.tight_layout()
    return figure
