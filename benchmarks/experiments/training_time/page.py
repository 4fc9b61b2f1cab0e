"""The page of training-time."""

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
    """The page: the times, their sum, how to add them up again."""
    return page(
        "# How long training takes",
        "All runs of IcGAN's experiments and of latent-size, by the preset `small`, as their results have stored them: "
        "each on one core, some beside other work, which the times include. A run that several experiments measure "
        "stands with the first of them.",
        table(record["result"]),
        verdict(record["result"]),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """Runs and minutes by experiment, and in all."""
    rows = [*result["rows"], _sum(result)]
    cells = [[row["experiment"], str(row["runs"]), f"{row['seconds'] / 60:.0f}"] for row in rows]
    return markdown(["experiment", "runs", "minutes of a core"], cells, words=1)


def verdict(result: dict[str, Any]) -> str:
    """Whether two cores, a run each, are done within the hours."""
    hours = _sum(result)["seconds"] / 3600 / CORES
    met = "met" if hours < MOST_HOURS else "missed"
    return f"Two runs at a time, that is {hours:.1f} hours on {CORES} cores; asked for: under {MOST_HOURS}, {met}."


def _sum(result: dict[str, Any]) -> dict[str, Any]:
    return {"experiment": "all"} | {key: sum(row[key] for row in result["rows"]) for key in ("runs", "seconds")}
