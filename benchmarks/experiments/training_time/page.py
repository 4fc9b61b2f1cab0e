"""The page of training-time: the minutes of all runs, by experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "training-time"
PAGES = (NAME,)
CORES, MOST_HOURS = 2, 5


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write training-time.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: the times, their sum, provenance."""
    return page(
        "# Training time",
        "The times of all runs of IcGAN's experiments and of latent-size with the preset `small`, from their stored "
        "results. Each run used one core, some with other work on the machine. A run that several experiments measure "
        "is listed with the first of them.",
        table(record["result"]),
        verdict(record["result"]),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """Runs and minutes by experiment, and in total."""
    rows = [*result["rows"], _sum(result)]
    cells = [[row["experiment"], str(row["runs"]), f"{row['seconds'] / 60:.0f}"] for row in rows]
    return markdown(["experiment", "runs", "core minutes"], cells, words=1)


def verdict(result: dict[str, Any]) -> str:
    """Whether two cores, with one run each at a time, finish within the limit."""
    hours = _sum(result)["seconds"] / 3600 / CORES
    met = "met" if hours < MOST_HOURS else "missed"
    return f"With two runs at a time, that is {hours:.1f} hours on {CORES} cores; required under {MOST_HOURS}: {met}."


def _sum(result: dict[str, Any]) -> dict[str, Any]:
    return {"experiment": "all"} | {key: sum(row[key] for row in result["rows"]) for key in ("runs", "seconds")}
