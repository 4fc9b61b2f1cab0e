"""The page of encoder-speed: images per second of the shipped encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "encoder-speed"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write encoder-speed.md."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, verdict, table, provenance."""
    result = record["result"]
    reference = next((row["key"] for row in result["rows"] if row["to_reference"] == 1), "the reference")
    rows = [
        [
            row["key"],
            row["precision"],
            f"{row['latent_size']}",
            f"{row['images_per_second']:,.0f}",
            f"{row['to_reference']:.2f}",
        ]
        for row in result["rows"]
    ]
    verdicts = [
        f"- {bar['what']}: {bar['measured']:.2f}, required {bar['limit']}: {'met' if bar['met'] else 'missed'}."
        for bar in result["bars"]
    ]
    return page(
        "# Speed of the shipped encoders",
        f"Each encoder encodes {result['images']:,} images of noise at its input size, on {result['cores']} cores, in "
        f"{result['rounds']} rounds in turn. Images/s are computed from the median time; ratios are medians over the "
        "rounds.",
        "## Verdict",
        "\n".join(verdicts),
        "## Encoders",
        markdown(["encoder", "stored as", "numbers", "images/s", f"to {reference}"], rows, words=2),
        "## How it was measured",
        provenance(record),
    )
