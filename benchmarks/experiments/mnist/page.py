"""The page of mnist: the quality of codes of digits, samples and reconstructions, and the 3-d cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, with_interval, write_page
from benchmarks.experiments.mnist.cloud import COLOURS, cloud_page

NAME = "mnist"
PAGES = (NAME,)
NAMES = {
    "pixels": "pixels",
    "pca": "PCA of pixels",
    "ivegan": "IVE-GAN",
    "autoencoder": "autoencoder",
    "variational-autoencoder": "variational autoencoder",
}
# Code size of IVE-GAN -> bars: same digit, same digit for each of the ten, nearest neighbours.
BARS = {3: (0.80, 0.60, 0.85), 16: (0.93, 0.85, 0.95)}
DIGITS = range(10)
GAP = 2  # white pixels between digits

Summary = dict[str, Any]
Arrays = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write mnist.md, mnist.png and, for codes of three numbers, mnist-cloud.png and mnist-cloud.html."""
    with np.load(folder / f"{NAME}.npz") as stored:
        arrays = dict(stored)
    written = write_page(folder, NAME, report(record, arrays))
    made = [written, save(draw(record["result"], arrays), folder / f"{NAME}.png")]
    if _has_cloud(record["result"]):
        points, labels = arrays["ivegan-3_cloud"], arrays["labels"]
        labels = labels[: len(points)]
        made.append(save(draw_cloud(points, labels), folder / f"{NAME}-cloud.png"))
        text = f"The codes of {len(points):,} test digits in IVE-GAN's latent space of three numbers."
        html = folder / f"{NAME}-cloud.html"
        html.write_text(cloud_page(points, labels, "MNIST in three numbers", text), encoding="utf-8")
        made.append(html)
    return made


def report(record: dict[str, Any], arrays: Arrays) -> str:
    """The text of the page: protocol, verdict, tables, pictures, provenance. arrays: what mnist.npz holds."""
    summary = record["result"]
    cloud = (
        f"![codes of test digits, coloured by digit](./{NAME}-cloud.png)\n\n"
        f"[The same as an interactive page](./{NAME}-cloud.html), which needs no internet connection."
    )
    return page(
        "# MNIST",
        _protocol_text(summary),
        "## Verdict",
        verdict(summary, arrays),
        "## Codes and reconstructions",
        table(summary),
        "Same digit, by the digit:",
        digit_table(summary, arrays),
        f"![originals, reconstructions and samples](./{NAME}.png)",
        *(["## Three numbers", cloud] if _has_cloud(summary) else []),
        "## How it was measured",
        _settings(summary),
        provenance(record),
    )


def _protocol_text(summary: Summary) -> str:
    accuracy = with_interval(summary["classifier"]["accuracy"])
    return (
        f"Nearest neighbours: the share of {summary['queries']:,} test digits whose label is the commonest among their "
        f"{summary['neighbours']} nearest of {summary['gallery']:,} training digits, by Euclidean distance of codes. "
        "Same digit: the share of test digits that a classifier reads as the same digit in the original and in the "
        "reconstruction. The classifier is a small convolutional network trained on the training digits, with an "
        f"accuracy of {accuracy} on the test digits. IVE-GAN's reconstructions are G(z', E(x)) with a random z' each, "
        "as in its Fig. 4; figures in round brackets are with z' = 0. Intervals are 95 %, by bootstrap over the test "
        "digits. The paper shows Figs 3 to 5 and gives no figures."
    )


def verdict(summary: Summary, arrays: Arrays) -> str:
    """One sentence per code size of IVE-GAN."""
    rows = {row["size"]: row for row in summary["rows"] if row["kind"] == "ivegan"}
    lines = []
    for size, (same, each, neighbours) in BARS.items():
        if size not in rows:
            lines.append(f"- {size} numbers: not measured.")
            continue
        shares = same_by_digit(rows[size]["key"], arrays)
        worst = min(DIGITS, key=shares.__getitem__)
        parts = [
            _compare("same digit", rows[size]["same_digit"]["mean"], same),
            _compare(f"the worst digit, {worst},", shares[worst], each),
            _compare("nearest neighbours", rows[size]["knn"]["mean"], neighbours),
        ]
        lines.append(f"- {size} numbers: {'; '.join(parts)}.")
    return "\n".join(lines)


def same_by_digit(key: str, arrays: Arrays) -> list[float]:
    """The share of each digit's test pictures that are read as the same digit in original and reconstruction."""
    same = arrays["read"] == arrays[f"{key}_read"]
    return [float(same[arrays["labels"] == digit].mean()) for digit in DIGITS]


def digit_table(summary: Summary, arrays: Arrays) -> str:
    """One row per model, one column per digit: same digit."""
    rows = []
    for row in summary["rows"]:
        if "same_digit" in row:
            shares = [f"{share:.3f}" for share in same_by_digit(row["key"], arrays)]
            rows.append([NAMES.get(row["kind"], row["kind"]), str(row["size"]), *shares])
    return markdown(["code", "numbers", *map(str, DIGITS)], rows, words=1)


def _compare(name: str, score: float, bar: float) -> str:
    said = "met" if score >= bar else f"missed by {bar - score:.3f}"
    return f"{name} {score:.3f}, required {bar:.2f}: {said}"


def table(summary: Summary) -> str:
    """One row per code: nearest neighbours and same digit."""
    rows = []
    for row in summary["rows"]:
        same = with_interval(row["same_digit"]) if "same_digit" in row else ""
        if row["kind"] == "ivegan":
            same += f" ({row['same_digit_without_noise']['mean']:.3f})"
        rows.append([NAMES.get(row["kind"], row["kind"]), str(row["size"]), with_interval(row["knn"]), same])
    return markdown(["code", "numbers", "nearest neighbours", "same digit"], rows, words=1)


def _settings(summary: Summary) -> str:
    lines = []
    for row in summary["rows"]:
        if "run" in row:
            recipe = row["run"]["recipe"]
            lines.append(
                f"- {NAMES.get(row['kind'], row['kind'])}, {row['size']} numbers: preset `{row['run']['preset']}`, "
                f"width {recipe['width']}, {recipe['epochs']} epochs, batches of {recipe['batch']}.{_helped(recipe)}"
            )
    return "\n".join(lines)


def _helped(recipe: dict[str, Any]) -> str:
    """The recipe's additions to the paper's."""
    helps = {
        "compared": "also reads the distances and products of two digits' features",
        "mismatched": "is also trained to classify pairs of a digit and another one's transformation as generated",
    }
    said = [text for name, text in helps.items() if recipe.get(name)]
    judged = f" Unlike the paper's, D {' and '.join(said)}." if said else ""
    return judged + _drawn(recipe) + _matched(recipe)


def _matched(recipe: dict[str, Any]) -> str:
    if not recipe.get("matching"):
        return ""
    return (
        " A matcher, which the paper does not have, learns to find T(x) for each x in a batch (NT-Xent). G and E also "
        f"minimise {recipe['matching']:g} times the squared distance between the matcher's directions for G(z', E(x)) "
        f"and x; E and a predictor on its code minimise {recipe['prediction']:g} times the squared distance between "
        "the prediction and the matcher's direction for x."
    )


def _drawn(recipe: dict[str, Any]) -> str:
    weight = recipe.get("reconstruction")
    return f" E and G also minimise {weight:g} times the squared error of a pixel of G(0, E(x))." if weight else ""


def _has_cloud(summary: Summary) -> bool:
    return any(row["key"] == "ivegan-3" for row in summary["rows"])


def draw(summary: Summary, arrays: dict[str, Any]) -> Any:
    """Draw test digits and each model's reconstructions as in Fig. 4, and below them samples as in Fig. 3."""
    pyplot = import_pyplot()
    models = [row for row in summary["rows"] if f"{row['key']}_reconstructions" in arrays]
    sampled = [row for row in models if f"{row['key']}_samples" in arrays]
    figure, (above, *below) = pyplot.subplots(
        1 + len(sampled), 1, figsize=(9, 0.55 * (1 + len(models)) + 2.1 * len(sampled))
    )
    lines = [arrays["originals"], *(arrays[f"{row['key']}_reconstructions"] for row in models)]
    _show(above, np.stack(lines))
    names = ["originals", *(f"{NAMES.get(row['kind'], row['kind'])}, {row['size']}" for row in models)]
    above.set_yticks([(28 + GAP) * number + 14 for number in range(len(names))], names, fontsize=8)
    for panel, row in zip(below, sampled, strict=True):
        samples = arrays[f"{row['key']}_samples"]
        _show(panel, samples.reshape(len(samples) // 16, 16, 28, 28))
        panel.set_ylabel(f"samples,\n{NAMES.get(row['kind'], row['kind'])}, {row['size']}", fontsize=8)
    figure.tight_layout()
    return figure


def _show(panel: Any, grid: Any) -> None:
    """Draw digits uint8 (rows, columns, 28, 28), dark on white."""
    padded = np.pad(255 - grid, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=255)
    panel.imshow(np.block([list(row) for row in padded]), cmap="gray", vmin=0, vmax=255)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)


def draw_cloud(points: Any, labels: Any) -> Any:
    """Draw the cloud from two sides."""
    pyplot = import_pyplot()
    figure = pyplot.figure(figsize=(10, 4.6))
    for number, turn in enumerate((30, 120), 1):
        panel = figure.add_subplot(1, 2, number, projection="3d")
        panel.view_init(elev=22, azim=turn)
        for digit, colour in enumerate(COLOURS):
            mine = points[labels == digit].astype(float)
            panel.scatter(*mine.T, s=2, color=colour, label=str(digit), depthshade=False)
        panel.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
    figure.legend(*panel.get_legend_handles_labels(), loc="center right", markerscale=5, fontsize=9)
    figure.tight_layout(rect=(0, 0, 0.94, 1))
    return figure
