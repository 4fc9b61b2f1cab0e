"""The page of real-reconstruction: the distance of real faces from their reconstructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "real-reconstruction"
PAGES = (NAME,)
SQUARED, BY_FEATURES = "squared error", "feature distance"
MEASURES = (SQUARED, BY_FEATURES)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write real-reconstruction.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, runs, provenance."""
    summary = record["result"]
    return page(
        "# Real faces and their reconstructions",
        f"{summary['faces']:,} faces of CelebA's validation partition are encoded and reconstructed by each run's own "
        "networks in full precision. The table shows the squared error per colour value in [0, 1], and the cosine "
        "distance between features of EfficientNet-Lite0, which was trained on ImageNet and is used by no training "
        "recipe here. Each figure has its 95 % interval by bootstrap over the faces "
        f"({summary['resamples']:,} resamples), and is also given as a multiple of the autoencoder's. The "
        "mean picture of the train partition shows the error without any code.",
        main_table(summary),
        "## The runs",
        *(_run(row) for row in summary["methods"] if row["run"]),
        "## How it was measured",
        provenance(record),
    )


def main_table(summary: dict[str, Any]) -> str:
    """Errors, intervals and multiples of the autoencoder's, one row per run."""
    rows = summary["methods"]
    measures = [measure for measure in MEASURES if measure in rows[0]["errors"]]
    header = ["codes", *(cell for measure in measures for cell in (measure, "against the autoencoder"))]
    return markdown(header, (_row(row, measures) for row in rows), words=1)


def _row(row: dict[str, Any], measures: list[str]) -> list[str]:
    cells = ["the mean picture" if row["key"] == "mean" else row["name"]]
    for measure in measures:
        score = row["errors"][measure]
        low, high = score["interval"]
        cells.append(f"{score['mean']:.5f} [{low:.5f}, {high:.5f}]")
        cells.append(
            "{:.2f} [{:.2f}, {:.2f}]".format(score["ratio"], *score["ratio_interval"]) if "ratio" in score else ""
        )
    return cells


def _run(row: dict[str, Any]) -> str:
    run = row["run"]
    commands = "\n".join(f"    {command}" for command in run["commands"])
    return (
        f"{row['name']}: {run['images']:,} pictures, {run['steps']:,} steps, {run['seconds']:,} s, seed {run['seed']}, "
        f"{run['hardware']}, commit {str(run['commit'])[:12]}.\n\n{commands}"
    )
