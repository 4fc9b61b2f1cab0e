"""The pages of objectives, one per kind of data: each addition to IVE-GAN's objective and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

TITLES = {"ring": "the ring", "digits": "digits", "pictures": "faces"}
PAGES = tuple(f"objectives-{content}" for content in TITLES)
PROTOCOLS = {
    "ring": "Modes: how many of the eight have a tenth of an even share of 10,000 points; within: the share of points "
    "within three sigma of a mode. From codes: G(z', E(x)); from the prior: G(z', z).",
    "digits": "The share of the 10,000 test digits that a classifier reads as the same digit in the original and in "
    "G(z', E(x)), over all digits and for the worst of the ten; and the squared error of a pixel of G(0, E(x)).",
    "pictures": "The squared error of a colour value of G(0, E(x)) of the validation faces, and the Frechet distance "
    "between 2,000 samples and as many training faces, over the features of EfficientNet-Lite0.",
}


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write objectives-ring.md, objectives-digits.md or objectives-pictures.md."""
    return [write_page(folder, record["name"], report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, provenance."""
    summary = record["result"]
    content, rows = summary["content"], summary["rows"]
    return page(
        f"# IVE-GAN's objective on {TITLES[content]}, addition by addition",
        f"Each run is `latentsearch train ivegan` with the preset `small`, {summary['epochs']} epochs of batches of "
        f"{summary['batch']}. {PROTOCOLS[content]} Figures of several seeds are separated by commas.",
        markdown(["objective", "description"], ([row["variant"], row["about"]] for row in rows), words=2),
        table(content, rows),
        "## How it was measured",
        provenance(record),
    )


def table(content: str, rows: list[dict[str, Any]]) -> str:
    """One row per variant, the figures of its seeds in each cell."""
    header, cells = {"ring": _of_ring, "digits": _of_digits, "pictures": _of_pictures}[content]()
    lines = []
    for row in rows:
        by_seed = [cells(run) for run in row["runs"]]
        lines.append([row["variant"], *(", ".join(column) for column in zip(*by_seed, strict=True))])
    return markdown(["objective", *header], lines, words=1)


def _of_ring() -> tuple[list[str], Any]:
    def cells(run: dict[str, Any]) -> list[str]:
        return [
            text
            for codes in ("encoded", "prior")
            for text in (str(run[codes]["covered"]), f"{run[codes]['within']:.3f}")
        ]

    return ["modes from codes", "within", "modes from the prior", "within"], cells


def _of_digits() -> tuple[list[str], Any]:
    def cells(run: dict[str, Any]) -> list[str]:
        worst = min(range(10), key=run["same"].__getitem__)
        return [f"{run['mean']:.3f}", f"{run['same'][worst]:.3f} ({worst})", f"{run['squared_error']:.4f}"]

    return ["same digit", "worst digit", "squared error"], cells


def _of_pictures() -> tuple[list[str], Any]:
    return ["squared error", "Frechet distance"], lambda run: [f"{run['squared_error']:.4f}", f"{run['frechet']:.0f}"]
