"""The page of real-reconstruction: how far real faces are from what their codes draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.pages.shared import markdown, page, provenance, write_page

NAME = "real-reconstruction"


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write real-reconstruction.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The page: what was measured, the table, how to run it again."""
    summary = record["result"]
    return page(
        "# Real faces and their reconstructions",
        f"{summary['faces']:,} faces of CelebA's validation partition, encoded and drawn from their codes by each "
        "run's own networks in full precision: the squared error of a colour value in [0, 1], its 95 % interval by "
        f"bootstrap over the faces ({summary['resamples']:,} resamples), and as a multiple of the autoencoder's. The "
        "mean picture of the train partition is what no code at all would draw.",
        main_table(summary),
        "## The runs",
        *(_run(row) for row in summary["methods"] if row["run"]),
        "## How it was measured",
        provenance(record),
    )


def main_table(summary: dict[str, Any]) -> str:
    """Error, interval and multiple of the autoencoder's, a row a run."""
    return markdown(
        ["codes", "squared error", "against the autoencoder"], (_row(row) for row in summary["methods"]), words=1
    )


def _row(row: dict[str, Any]) -> list[str]:
    name = "the mean picture" if row["key"] == "mean" else row["name"]
    low, high = row["interval"]
    ratio = "" if "ratio" not in row else "{:.2f} [{:.2f}, {:.2f}]".format(row["ratio"], *row["ratio_interval"])
    return [name, f"{row['mean']:.5f} [{low:.5f}, {high:.5f}]", ratio]


def _run(row: dict[str, Any]) -> str:
    run = row["run"]
    commands = "\n".join(f"    {command}" for command in run["commands"])
    return (
        f"{row['name']}: {run['images']:,} pictures, {run['steps']:,} steps, {run['seconds']:,} s, seed {run['seed']}, "
        f"{run['hardware']}, commit {str(run['commit'])[:12]}.\n\n{commands}"
    )
