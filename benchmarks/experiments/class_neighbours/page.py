"""The pages of class-neighbours, one a data set: whose nearest neighbours show the same class."""

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
    """The page: what was measured, the table, how to run it again."""
    result = record["result"]
    return page(
        f"# Classes of {TITLES[result['data']]} among nearest neighbours",
        f"Gallery: {result['gallery']:,} training images; queries: {result['queries']:,} test images. A query counts "
        f"where the commonest class among its {result['neighbours']} nearest is its own. Encoders as they are searched "
        "with. In brackets 95 % intervals by bootstrap over queries.",
        "## Codes",
        table(result),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row a code."""
    rows = [
        [row["key"], f"{row['size']:,}", row["distance"], with_interval(row["same_class"])] for row in result["rows"]
    ]
    return markdown(["code", "numbers", "distance", "same class"], rows, words=1)
