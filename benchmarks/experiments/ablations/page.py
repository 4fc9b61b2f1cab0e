"""The page of ablations: what each part of the default's recipe is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "ablations"
PAGES = (NAME,)
FORMS = {"whitened": "Codes centred and whitened, by cosine", "raw": "Codes as the network has them, Euclidean"}


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write ablations.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The page: what was changed, what came of it, the command of every run."""
    summary = record["result"]
    rows, runs = summary["rows"], summary["runs"]
    hours = sum(run["seconds"] for run in runs.values()) / 3600
    hardware = ", ".join(sorted({run["hardware"] for run in runs.values()}))
    parts = []
    for form, title in FORMS.items():
        parts += [f"## {title}", table(rows, form)]
    return page(
        "# One part of the recipe changed at a time",
        f"`latentsearch train contrastive`, preset `small` at width {summary['width']}, {summary['epochs']} epochs "
        "where the shipped codes had 28: what a part does in a short run. Agreement and same person as on the page of "
        f"[label-similarity](label-similarity.md) ({summary['queries']:,} queries, {summary['gallery']:,} faces), "
        "without the views and features that published codes have. Means over the seeds; the change is that from the "
        "recipe with the same seed, its 95 % interval by bootstrap over the queries, and each seed's own. Where the "
        "interval holds 0, or the seeds do not agree on the sign, nothing is said.",
        markdown(["changed", "what it is"], ([row["change"], row["about"]] for row in rows), words=2),
        *parts,
        "## The runs",
        f"Together {hours:.1f} hours of the clock, with other work beside, on {hardware}.",
        "\n".join(f"    {command}" for run in runs.values() for command in run["commands"][:1]),
        "## How it was measured",
        provenance(record),
    )


def table(rows: list[dict[str, Any]], form: str) -> str:
    """A row a change: agreement, how far it is from the recipe's, and same person."""
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
