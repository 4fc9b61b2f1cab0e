"""The page of digit-editing: test digits drawn as each of the ten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "digit-editing"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write digit-editing.md into the folder, which has its sheet."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The page: what was measured, the table, how to run it again."""
    result = record["result"]
    return page(
        "# Digits drawn as other digits",
        _protocol(result),
        "## Fig. 5a in figures",
        table(result),
        f"![Test digits, each beside itself drawn as 0 to 9]({NAME}-sheet.png)\n\nA test digit, then the same z "
        "drawn as "
        "0 to 9.",
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row a digit."""
    rows = [[digit, with_interval(row["read"]), f"{row['slant']:.3f}"] for digit, row in result["drawn"].items()]
    return markdown(["drawn as", "read as that", "slant, correlation with the original's"], rows, words=1)


def _protocol(result: dict[str, Any]) -> str:
    run = result["run"]
    return (
        f"All {result['digits']:,} test digits of MNIST, encoded by Ez ({run['steps']:,} steps, "
        f"{run['seconds'] / 60:.0f} minutes) and drawn by G as each digit. A classifier that was trained on the "
        "training "
        f"digits reads {with_interval(result['real_read'])} of the test digits right, and "
        f"{with_interval(result['reconstruction_read'])} of G(Ez(x), Ey(x)); Ey alone says the right one of "
        f"{with_interval(result['attributes_right'])}. That the hand stays is measured by its slant, which moments "
        "of the "
        "ink tell: the correlation over all test digits of the original's with the drawn one's."
    )
