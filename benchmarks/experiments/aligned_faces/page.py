"""The page of aligned-faces: the pictures that a new index takes for aligned faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "aligned-faces"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write aligned-faces.md."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, provenance."""
    result = record["result"]
    sizes = list(result["rows"][0]["folders"])
    rows = [
        [row["set"], f"{row['pictures']:,}", f"{row['taken']:.3f}", *(f"{row['folders'][size]:.4f}" for size in sizes)]
        for row in result["rows"]
    ]
    headings = ["pictures", "number", "aligned faces", *(f"folders of {size}" for size in sizes)]
    return page(
        "# Pictures taken for aligned faces",
        f"The share of pictures that the rule of the encoder {result['bundle']} takes for aligned faces, and the share "
        f"of folders, drawn from these pictures, that get this encoder: at least {result['least_share']} of their "
        "pictures must be aligned faces. The rule was fitted on training faces, on training pictures of CIFAR-10 and "
        "MNIST, and on other crops of training faces; none of the pictures below. But its method and threshold were "
        "chosen while looking at the validation faces, at CIFAR-10 and at half of the other pictures.",
        "## Pictures and folders",
        markdown(headings, rows, words=1),
        "## How it was measured",
        provenance(record),
    )
