"""The page of digit-editing: test digits redrawn as each of the ten digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "digit-editing"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write digit-editing.md into the folder that holds its sheet."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, sheet, provenance."""
    result = record["result"]
    return page(
        "# Digits redrawn as other digits",
        _protocol(result),
        "## Fig. 5a in figures",
        table(result),
        f"![Test digits, each beside itself redrawn as 0 to 9]({NAME}-sheet.png)\n\nEach row shows a test digit, then "
        "the same z drawn as 0 to 9.",
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row per digit."""
    rows = [[digit, with_interval(row["read"]), f"{row['slant']:.3f}"] for digit, row in result["drawn"].items()]
    return markdown(["drawn as", "read as this digit", "correlation of slants"], rows, words=1)


def _protocol(result: dict[str, Any]) -> str:
    run = result["run"]
    return (
        f"All {result['digits']:,} test digits of MNIST are encoded by Ez ({run['steps']:,} steps, "
        f"{run['seconds'] / 60:.0f} minutes) and drawn by G as each digit. A classifier trained on the training digits "
        f"is right on {with_interval(result['real_read'])} of the test digits and on "
        f"{with_interval(result['reconstruction_read'])} of their reconstructions G(Ez(x), Ey(x)); Ey alone is right "
        f"on {with_interval(result['attributes_right'])}. Whether the handwriting is kept is measured by the slant, "
        "computed from the moments of the ink: the correlation over all test digits between the original's slant and "
        "the redrawn one's."
    )
