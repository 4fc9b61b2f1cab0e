"""The page of decoding-memory: indexing large pictures under a memory cap, and the peak of all processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "decoding-memory"
PAGES = (NAME,)
MB = 1_000_000


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write decoding-memory.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: one row per cap, and whether the bars are met."""
    result = record["result"]
    header = ["cap", "workers", "indexed", "peak, MB", "private memory, MB", "peak / cap", "seconds", "verdict"]
    return page(
        "# Memory under a cap",
        f"{result['count']} PNGs of {result['side']:,} x {result['side']:,} pixels, half of them with alpha, "
        f"each need {result['needed']} to decode, according to their headers. `latentsearch index --memory CAP` limits "
        "how many are decoded at once. The peak is the largest sum of the resident memory of the main process and its "
        "workers at one moment. Pages of program files count once for each process that maps them.",
        markdown(header, [_row(run, result["bars"]) for run in result["runs"]], words=1),
        "## How it was measured",
        provenance(record),
    )


def _row(run: dict[str, Any], bars: list[dict[str, Any]]) -> list[str]:
    peak = run["peak_bytes"]
    met = all(one["met"] for one in bars if run["cap"] in one["what"].split())
    return [
        run["cap"],
        str(run["workers"]),
        f"{run['indexed']} of {run['found']}",
        f"{peak['total'] / MB:,.0f}",
        f"{peak['anonymous'] / MB:,.0f}",
        f"{peak['total'] / run['cap_bytes']:.2f}",
        f"{run['seconds']:.0f}",
        "met" if met else "**missed**",
    ]
