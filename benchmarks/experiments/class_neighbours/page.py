"""The pages of class-neighbours, one per data set: how often nearest neighbours show the same class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
PAGES = tuple(f"class-neighbours-{data}" for data in TITLES)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write class-neighbours-mnist.md or class-neighbours-cifar10.md."""
    return [write_page(folder, record["name"], report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, provenance."""
    result = record["result"]
    return page(
        f"# Classes of {TITLES[result['data']]} among nearest neighbours",
        f"Gallery: {result['gallery']:,} training images; queries: {result['queries']:,} test images. A query "
        f"counts as correct if the commonest class among its {result['neighbours']} nearest neighbours is its own. "
        "Columns @1 and @20 give the share of the nearest neighbour, and of the 20 nearest, that have its class. "
        "Encoders use the same distance as in search. Brackets give 95 % intervals by bootstrap over queries.",
        "## Codes",
        table(result),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row per code."""
    rows = [
        [row["key"], f"{row['size']:,}", row["distance"], with_interval(row["same_class"]), *_counted(row)]
        for row in result["rows"]
    ]
    return markdown(["code", "numbers", "distance", "same class", "@1", "@20"], rows, words=1)


def _counted(row: dict[str, Any]) -> list[str]:
    """The shares of single neighbours; rows measured before December 2026 have none."""
    counted = row.get("same_class_at", {})
    return [with_interval(counted[k]) if k in counted else "" for k in ("1", "20")]
