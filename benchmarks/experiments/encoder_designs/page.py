"""The page of encoder-designs: the loss Le of IcGAN's three encoders, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "encoder-designs"
PAGES = (NAME,)
# Section 5.3: on 150,000 generated images.
PAPER = {"IND": 0.429, "IND-COND": 0.432, "SNG": 0.500}
HEADER = ["design", "Le", "paper's Le", "Ey: accuracy", "F1", "error of y", "error of the picture", "attributes kept"]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write encoder-designs.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, verdict, runs, provenance."""
    result = record["result"]
    return page(
        "# Encoders of a conditional GAN",
        _protocol(result),
        "## Generated images, and real faces",
        table(result),
        "## Verdict",
        _verdict(result),
        "## The runs",
        markdown(["design", "steps", "minutes", "command"], _run_rows(result), words=1),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row per design."""
    return markdown(HEADER, list(_rows(result)), words=1)


def _rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for design, row in result["rows"].items():
        yield [
            design,
            with_interval(row["code_error"]),
            f"{PAPER[design]:.3f}",
            with_interval(row["labels"]["accuracy"]),
            with_interval(row["labels"]["f1"]),
            *(with_interval(row[name]) for name in ("label_error", "image_error", "attributes_kept")),
        ]


def _protocol(result: dict[str, Any]) -> str:
    faces = next(iter(result["rows"].values()))["labels"]["pictures"]
    return (
        f"Le is the squared error per number of z, on {result['pictures']:,} images made by one generator from random "
        f"z and the labels of validation faces. The other columns are measured on {faces:,} real validation faces: "
        "accuracy and F1 of Ey's predictions, their squared error, the squared error per colour value in [0, 1] of "
        "G(Ez(x), Ey(x)), and the share of attributes that Anet predicts alike for the face and its reconstruction. "
        "Brackets give 95 % intervals by bootstrap over images; they do not cover variation between trainings."
    )


def _verdict(result: dict[str, Any]) -> str:
    ours = sorted(result["rows"], key=lambda design: result["rows"][design]["code_error"]["mean"])
    papers = sorted(ours, key=PAPER.__getitem__)
    said = "as in the paper" if ours == papers else f"in the paper {' < '.join(papers)}"
    return f"Le: {' < '.join(ours)}, {said}."


def _run_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for design, row in result["rows"].items():
        run = row["run"]
        commands = "; ".join(f"`{command}`" for command in run["commands"])
        yield [design, f"{run['steps']:,}", f"{run['seconds'] / 60:.0f}", commands]
