"""Which files of public suites of unusual pictures are indexed, which are refused, and how accurate are the colours?

Opens every file of each folder with the product's decoder, Pillow, pillow-heif, libvips and, for TIFF, tifffile. A file
is sound if Pillow, pillow-heif or libvips decodes it without an error or a warning; files that libvips shows in spite
of errors are counted separately. Stores names, sizes and verdicts, no pictures.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.datasets.pictures import progress
from benchmarks.experiments.picture_suites.exceptions import reason_for_difference
from benchmarks.experiments.picture_suites.openers import WAYS, Opener, pixels_of

NAME = "picture-suites"
REFERENCES = ("pillow", "pillow-heif", "libvips")
NOT_SUPPORTED = ("not supported", "not a picture")
# The mean colour difference over the picture at 64 x 64, out of 255.
DIFFERENCE_BAR = 3.0


def measure(folder: Path) -> dict[str, Any]:
    """The outcome of every file of a suite."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    with ExitStack() as stack:
        openers = {way: stack.enter_context(Opener(way)) for way in WAYS}
        rows = [_row(path, path.relative_to(folder), openers) for path in progress(files, len(files), folder.name)]
    return _summary(folder.name, rows)


def _row(path: Path, name: Path, openers: dict[str, Opener]) -> dict[str, Any]:
    answers = {way: opener.open(path) for way, opener in openers.items() if way != "tifffile" or _is_tiff(path)}
    ours = answers["ours"]
    row: dict[str, Any] = {
        "file": str(name),
        "opened_by": [way for way in REFERENCES if "pixels" in answers[way]],
        "libvips_in_spite_of_errors": "pixels" in answers["libvips-lenient"],
    }
    if "pixels" not in ours:
        return row | {"reason": ours["reason"]}
    row |= {key: ours[key] for key in ("format", "width", "height", "incomplete")}
    careful = "tifffile" if "pixels" in answers.get("tifffile", {}) else "libvips"
    reference = answers[careful]
    if "pixels" in reference:
        apart = np.abs(pixels_of(ours).astype(float) - pixels_of(reference)).mean()
        row |= {"compared_with": careful, "difference": round(float(apart), 2)}
        if (reference["width"], reference["height"]) != (ours["width"], ours["height"]):
            row["their_size"] = [reference["width"], reference["height"]]
    return row


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _summary(suite: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts of a suite, and the files that need an explanation."""
    openable = [row for row in rows if row["opened_by"]]
    refused = [row for row in openable if "reason" in row]
    apart = [row for row in rows if row.get("difference", 0) > DIFFERENCE_BAR]
    return {
        "suite": suite,
        "files": len(rows),
        "opened_by_a_reference": len(openable),
        "opened_by": dict(Counter(way for row in rows for way in row["opened_by"])),
        "indexed": sum("reason" not in row for row in rows),
        "indexed_of_opened": len(openable) - len(refused),
        "incomplete": sum(row.get("incomplete", False) for row in rows),
        "not_supported": [row for row in refused if row["reason"].startswith(NOT_SUPPORTED)],
        "sound_but_damaged_for_us": [row for row in refused if not row["reason"].startswith(NOT_SUPPORTED)],
        "opened_in_spite_of_errors": [
            row for row in rows if "reason" in row and not row["opened_by"] and row["libvips_in_spite_of_errors"]
        ],
        "refused_by_all": dict(
            Counter(
                row["reason"].partition(":")[0]
                for row in rows
                if "reason" in row and not row["opened_by"] and not row["libvips_in_spite_of_errors"]
            )
        ),
        "compared": sum("difference" in row for row in rows),
        "mean_difference": round(float(np.mean([row["difference"] for row in rows if "difference" in row] or [0])), 3),
        "far_apart": [row | {"why": reason_for_difference(row)} for row in apart],
    }


@experiment(NAME)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@results_option
def command(folders: tuple[Path, ...], results: Path) -> None:
    """Open every file of every FOLDER, each a public suite of pictures, and store the outcomes."""
    suites = [measure(folder) for folder in folders]
    opened, indexed = (sum(suite[key] for suite in suites) for key in ("opened_by_a_reference", "indexed_of_opened"))
    publish(NAME, {"suites": suites, "indexed_share": round(indexed / max(opened, 1), 4)}, results)
