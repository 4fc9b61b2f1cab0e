"""The page of inversion: generators and their inverses, one row a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "inversion"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write inversion.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, sheet, provenance."""
    summary = record["result"]
    return page(
        "# Generators and their inverses",
        f"Frechet distance: between {summary['samples']:,} samples of a generator and as many training faces, over the "
        "1,280 features of EfficientNet-Lite0, learned on ImageNet; the formula is the FID's. Two sets of real faces "
        f"are {summary['floor']:.0f} apart. Squared error: of a colour value in [0, 1]; the mean picture of the "
        f"validation faces has {summary['mean_picture_error']:.4f}. Outer numbers: the share where 5 % of the prior's "
        "are (|z| > 0.95 for U(-1, 1), 1.96 for N(0, 1)). Error of z: as a multiple of the prior's variance, which is "
        "what answering 0 would have. Each encoder sees pictures at its own size (`parts`: 128x128, others: 64x64); "
        "errors are measured at the size that the generator draws. A conditional generator gets the labels that the "
        "bundle's attribute encoder computes.",
        table(summary),
        samples(record) if summary["sheet"] else "",
        "## How it was measured",
        provenance(record),
    )


def samples(record: dict[str, Any]) -> str:
    """The sheet of samples with its heading."""
    return page(
        "## Samples",
        f"{record['result']['sheet']}, drawn with seed {record['seed']}: the first 64, not a selection.",
        f"![64 generated faces](./{NAME}-samples.png)",
    ).rstrip()


def table(summary: dict[str, Any]) -> str:
    """Rows of bundles, with what could be measured on each."""
    header = ("bundle", "Frechet distance", "outer numbers", "length", "error of z", "squared error, generated",
              "dHash, generated", "squared error, real", "dHash, real")  # fmt: skip
    return markdown(header, [_cells(row) for row in summary["rows"]], words=1)


def _cells(row: dict[str, Any]) -> list[str]:
    generated, real = row.get("generated", {}), row.get("real", {})
    cells = [f"{row['bundle']}, before" if row.get("before") else str(row["bundle"])]
    cells.append("-" if row["frechet"] is None else f"{row['frechet']:.0f}")
    for values, name, digits in (
        (generated, "code_outer", 3),
        (generated, "code_length", 2),
        (generated, "code_error", 3),
        (generated, "squared_error", 4),
        (generated, "dhash", 3),
        (real, "squared_error", 4),
        (real, "dhash", 3),
    ):
        cells.append(f"{values[name]:.{digits}f}" if name in values else "-")
    return cells
