"""The page of picture-suites: files indexed, files refused and why, and the accuracy of colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "picture-suites"
PAGES = (NAME,)
HEADER = [
    "suite",
    "files",
    "opened by a reference",
    "of these, indexed",
    "not supported",
    "refused as damaged",
    "incomplete",
    "mean colour difference (of 255)",
]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write picture-suites.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: one row per suite, then every file that needs an explanation."""
    suites = record["result"]["suites"]
    return page(
        "# Public picture suites",
        "Of the files that Pillow, pillow-heif or libvips decodes without errors or warnings, "
        f"**{record['result']['indexed_share']:.1%}** are indexed (the bar: 97 %). Colours of the whole upright "
        "picture over white, reduced to 64 x 64, are compared with tifffile's for TIFF and with libvips' for other "
        "formats.",
        markdown(HEADER, [_row(suite) for suite in suites], words=1),
        "## Sound files that are not indexed",
        _listed((suite, row, row["reason"]) for suite in suites for row in _refused(suite)),
        "## Files whose colours differ by more than 3",
        _listed(
            (s, row, f"{row['difference']}: {row['why'] or '**not explained**'}")
            for s in suites
            for row in s["far_apart"]
        ),
        "## Files that libvips shows in spite of errors and that are not indexed",
        _listed((suite, row, row["reason"]) for suite in suites for row in suite["opened_in_spite_of_errors"]),
        "## How it was measured",
        provenance(record),
    )


def _refused(suite: dict[str, Any]) -> list[dict[str, Any]]:
    refused: list[dict[str, Any]] = suite["sound_but_damaged_for_us"] + suite["not_supported"]
    return refused


def _row(suite: dict[str, Any]) -> list[str]:
    counts = [suite["files"], suite["opened_by_a_reference"], suite["indexed_of_opened"], len(suite["not_supported"])]
    counts += [len(suite["sound_but_damaged_for_us"]), suite["incomplete"]]
    return [suite["suite"].replace("+", "/"), *map(str, counts), f"{suite['mean_difference']:.2f}"]


def _listed(files: Iterator[tuple[dict[str, Any], dict[str, Any], str]]) -> str:
    lines = [f"- `{suite['suite'].replace('+', '/')}` `{row['file']}`: {what}" for suite, row, what in files]
    return "\n".join(lines) or "None."
