"""The page of ablations: the contribution of each part of the contrastive recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "ablations"
PAGES = (NAME,)
FORMS = {"whitened": "Codes centred and whitened, by cosine", "raw": "The network's raw codes, by Euclidean distance"}


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write ablations.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: the changes, their effects, and the command of every run."""
    summary = record["result"]
    rows, runs = summary["rows"], summary["runs"]
    hours = sum(run["seconds"] for run in runs.values()) / 3600
    hardware = ", ".join(sorted({run["hardware"] for run in runs.values()}))
    parts = []
    for form, title in FORMS.items():
        parts += [f"## {title}", table(rows, form)]
    return page(
        "# One part of the recipe changed at a time",
        f"Each run is `latentsearch train contrastive` with the preset `small` at width {summary['width']}, for "
        f"{summary['epochs']} epochs; the shipped codes were trained for 28. The tables show the effect of a part in "
        "such a short run. Agreement and same person are measured as on the page of "
        f"[label-similarity](label-similarity.md) ({summary['queries']:,} queries, {summary['gallery']:,} faces), but "
        "without the views and features of published codes. Scores are means over the seeds. A change is the "
        "difference from the unchanged recipe with the same seed, with its 95 % interval by bootstrap over the "
        "queries, followed by the change of each seed. If the interval contains 0, or the seeds differ in sign, no "
        "conclusion can be drawn.",
        markdown(["changed", "description"], ([row["change"], row["about"]] for row in rows), words=2),
        *parts,
        "## The runs",
        f"All runs took {hours:.1f} hours of wall-clock time on {hardware}, with other work on the machine.",
        "\n".join(f"    {command}" for run in runs.values() for command in run["commands"][:1]),
        "## How it was measured",
        provenance(record),
    )


def table(rows: list[dict[str, Any]], form: str) -> str:
    """One row per change: agreement, its difference from the unchanged recipe, and same person."""
    header = ["changed", "seeds", "agreement @1", "@20", "change @1", "by seed", "change @20", "by seed"]
    header += ["same person @1", "@10"]
    return markdown(header, (_row(row, row[form]) for row in rows), words=1)


def _row(row: dict[str, Any], scores: dict[str, Any]) -> list[str]:
    is_changed = bool(row["fields"])
    changes = (_change(scores[f"change@{k}"]) if is_changed else ["", ""] for k in (1, 20))
    return [
        row["change"],
        str(len(row["seeds"])),
        *(with_interval(scores[f"agreement@{k}"]) for k in (1, 20)),
        *(cell for cells in changes for cell in cells),
        *(f"{scores[f'same person@{k}']['mean']:.3f}" for k in (1, 10)),
    ]


def _change(score: dict[str, Any]) -> list[str]:
    low, high = score["interval"]
    seeds = ", ".join(f"{value:+.4f}" for value in score["seeds"])
    return [f"{score['mean']:+.4f} [{low:+.4f}, {high:+.4f}]", seeds]
