"""The page of ring: how IVE-GAN and a plain GAN cover the ring, and density plots during training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, write_page

NAME = "ring"
PAGES = (NAME,)
MODELS = {"ivegan": "IVE-GAN", "gan": "plain GAN"}
CODES = {"prior": "G(z', z)", "encoded": "G(z', E(x))"}
# The bar: all modes covered, at least this share within three sigma, each mode's share in this range, for all seeds.
WITHIN, SHARES = 0.9, (0.08, 0.17)
EXTENT, CELLS = 1.4, 120

Summary = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write ring.md and ring.png into the folder that holds ring.npz."""
    written = write_page(folder, NAME, report(record))
    with np.load(folder / f"{NAME}.npz") as arrays:
        plot = draw(record["result"], dict(arrays))
    return [written, save(plot, folder / f"{NAME}.png")]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, verdict, tables, provenance."""
    summary = record["result"]
    return page(
        "# Ring",
        _protocol_text(summary),
        f"![density of the data and of generated points during training](./{NAME}.png)",
        "## Verdict",
        *verdict(summary),
        "## After training",
        end_table(summary),
        "## During training",
        "Means over the seeds: modes covered, then the share within three sigma.",
        step_table(summary),
        "## How it was measured",
        _settings(summary),
        provenance(record),
    )


def _protocol_text(summary: Summary) -> str:
    ring, data = summary["ring"], summary["data"]
    return (
        f"The data are {ring['modes']} Gaussians on a circle, with sigma {ring['sigma']} of its radius. The tables "
        f"describe {summary['generated']:,} generated points: the share within three sigma of a mode, the number of "
        "modes with at least a tenth of an even share, the smallest and the largest share of a mode, and the spread, "
        "the standard deviation of these points about their mode in sigma (for the data's own points, "
        f"{data['within']:.3f} lie within three sigma, with a spread of {data['spread']:.2f}). G(z', z) are new points "
        "with uniform z; G(z', E(x)) are generated from codes of data. The plain GAN has the same G, with z' and z "
        "concatenated, and only D'. The paper's Fig. 2 gives no figures, and neither radius nor sigma."
    )


def verdict(summary: Summary) -> list[str]:
    """Whether the bar is met, by kind of code."""
    low, high = SHARES
    bar = (
        f"The bar for IVE-GAN: {summary['ring']['modes']} of {summary['ring']['modes']} modes, at least {WITHIN} "
        f"within three sigma, each mode {low:.0%} to {high:.0%} of all points, in every seed."
    )
    runs = [run for run in summary["runs"] if run["model"] == "ivegan"]
    sentences = []
    for codes, name in CODES.items():
        ends = [run["looks"][-1][codes] for run in runs]
        kept = sum(meets(end, summary["ring"]["modes"]) for end in ends)
        worst = min(end["within"] for end in ends)
        least, most = min(min(end["shares"]) for end in ends), max(max(end["shares"]) for end in ends)
        sentences.append(
            f"{name}: {'met' if kept == len(ends) else 'missed'}, in {kept} of {len(ends)} seeds. At worst "
            f"{min(end['covered'] for end in ends)} modes, {worst:.3f} within, shares from {least:.1%} to {most:.1%}."
        )
    return [bar, "\n".join(f"- {sentence}" for sentence in sentences)]


def meets(end: dict[str, Any], modes: int) -> bool:
    """Whether one seed's points meet the bar."""
    low, high = SHARES
    return end["covered"] == modes and end["within"] >= WITHIN and all(low <= share <= high for share in end["shares"])


def end_table(summary: Summary) -> str:
    """One row per model, kind of code and seed."""
    header = ["model", "points", "seed", "modes", "within 3 sigma", "smallest share", "largest share", "spread", "s"]
    rows = []
    for run in summary["runs"]:
        end = run["looks"][-1]
        for codes in (codes for codes in CODES if codes in end):
            made = end[codes]
            spread = "" if made["spread"] is None else f"{made['spread']:.2f}"
            shares = [f"{edge(made['shares']):.3f}" for edge in (min, max)]
            row = [MODELS[run["model"]], CODES[codes], str(run["seed"]), str(made["covered"])]
            rows.append([*row, f"{made['within']:.3f}", *shares, spread, f"{run['seconds']:.0f}"])
    return markdown(header, rows, words=2)


def step_table(summary: Summary) -> str:
    """One row per moment, one column per model and kind of code."""
    columns = [(model, codes) for model in MODELS for codes in CODES if codes in _looks(summary, model)[0][0]]
    header = ["steps", *(f"{MODELS[model]}, {CODES[codes]}" for model, codes in columns)]
    rows = []
    for number, look in enumerate(_looks(summary, "ivegan")[0]):
        row = [f"{look['step']:,}"]
        for model, codes in columns:
            made = [looks[number][codes] for looks in _looks(summary, model)]
            covered, within = (np.mean([one[name] for one in made]) for name in ("covered", "within"))
            row.append(f"{covered:.1f}, {within:.3f}")
        rows.append(row)
    return markdown(header, rows, words=0)


def _looks(summary: Summary, model: str) -> list[list[dict[str, Any]]]:
    return [run["looks"] for run in summary["runs"] if run["model"] == model]


def _settings(summary: Summary) -> str:
    recipe = summary["recipe"]
    helped = (
        f" Unlike in the paper, noise of {recipe['instance_noise']}, decreasing to 0, is added to all inputs of the "
        "discriminators; learning rates decrease to 0 in the second half; the initial weights of first layers are "
        f"multiplied by {recipe['sharpness']:g} (D: {recipe['discriminator_sharpness']:g}, D': "
        f"{recipe['prior_sharpness']:g}); G, D and D' have {recipe['depth']} hidden layers; D also reads the distances "
        "and products of two points' coordinates, and also learns to classify mismatched pairs of points as generated."
        if recipe.get("instance_noise")
        else ""
    )
    return (
        f"Preset `{summary['preset']}`: width {recipe['width']}, batches of {recipe['batch']}, rates "
        f"{recipe['learning_rate']:g} and {recipe['discriminator_learning_rate']:g}, beta1 {recipe['beta1']}, "
        f"average decay {recipe['average_decay']}.{helped}"
    )


def draw(summary: Summary, arrays: dict[str, Any]) -> Any:
    """Draw density plots of the first seed: the data, then every moment; one row per model and kind of code."""
    pyplot = import_pyplot()
    seed = summary["seed"]
    rows = [(model, codes) for model in MODELS for codes in CODES if codes in _looks(summary, model)[0][0]]
    steps = [look["step"] for look in _looks(summary, "ivegan")[0]]
    figure, panels = pyplot.subplots(len(rows), len(steps) + 1, figsize=(1.6 * len(steps) + 2.4, 1.8 * len(rows) + 0.3))
    for line, (model, codes) in zip(panels, rows, strict=True):
        for panel in line:
            panel.set(xticks=[], yticks=[])
        _density(line[0], arrays["data"])
        line[0].set_ylabel(f"{MODELS[model]}\n{CODES[codes]}", fontsize=9)
        for panel, step in zip(line[1:], steps, strict=True):
            _density(panel, arrays[f"{model}_{seed}_{codes}_{step}"])
    for panel, title in zip(panels[0], ["data", *(f"{step:,}" for step in steps)], strict=True):
        panel.set_title(title, fontsize=9)
    figure.tight_layout()
    return figure


def _density(panel: Any, points: Any) -> None:
    edges = np.linspace(-EXTENT, EXTENT, CELLS + 1)
    counts, _, _ = np.histogram2d(points[:, 0].astype(float), points[:, 1].astype(float), bins=[edges, edges])
    panel.imshow(np.sqrt(counts.T), origin="lower", cmap="Greys", interpolation="bilinear", vmax=6)
