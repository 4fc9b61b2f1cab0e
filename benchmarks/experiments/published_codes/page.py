"""The page of published-codes: the contribution of each step from a network's codes to the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "published-codes"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write published-codes.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, provenance."""
    summary = record["result"]
    protocol, run = summary["protocol"], summary["run"]
    return page(
        "# From the network's codes to the published ones",
        f"The codes of one training run ({run['family']}, {run['images']:,} pictures, {run['steps']:,} steps) are "
        "compared after different steps. Features: the input of the encoder's last layer, projected on as many "
        "principal axes as codes have numbers. Mirrored: averaged with the mirror image. Closer: averaged with a crop "
        "of the centre. Whitened: centred, and each principal axis divided by its variance to the power 1/2, or to the "
        "power given. All steps are fitted on the gallery without labels.",
        "Agreement and same person are measured as on the page of label-similarity "
        f"({protocol['queries']:,} queries, {protocol['gallery']:,} faces), recall@1 as on the page of altered-search "
        f"({protocol['altered']:,} faces).",
        main_table(summary),
        "## Recall@1 by alteration",
        recall_table(summary),
        "## How it was measured",
        *(f"    {command}" for command in run["commands"]),
        f"Trained for {run['seconds'] / 3600:.1f} hours on {run['hardware']}, commit {run['commit'][:12]}.",
        provenance(record),
    )


def main_table(summary: dict[str, Any]) -> str:
    """Agreement, corrected agreement, same person and mean recall of every variant."""
    ks = [str(summary["protocol"]["ks"][0]), str(summary["protocol"]["ks"][-1])]
    people = list(summary["variants"][0]["same_person"])
    header = ["codes", "distance", *(f"agreement @{k}" for k in ks), f"chance-corrected @{ks[-1]}"]
    header += [*(f"same person @{k}" for k in people), "altered, recall @1"]
    return markdown(header, (_row(variant, ks, people) for variant in summary["variants"]), words=2)


def _row(variant: dict[str, Any], ks: list[str], people: list[str]) -> list[str]:
    recalls = [score["mean"] for score in variant["recall"].values()]
    return [
        variant["name"],
        variant["distance"] if variant["distance"] == "cosine" else variant["distance"].capitalize(),
        *(with_interval(variant["agreement"][k]) for k in ks),
        f"{variant['agreement'][ks[-1]]['corrected']:.3f}",
        *(f"{variant['same_person'][k]['mean']:.3f}" for k in people),
        f"{sum(recalls) / len(recalls):.3f}",
    ]


def recall_table(summary: dict[str, Any]) -> str:
    """Recall@1 of every variant by alteration."""
    names = list(summary["variants"][0]["recall"])
    rows = (
        [variant["name"], *(f"{variant['recall'][name]['mean']:.3f}" for name in names)]
        for variant in summary["variants"]
    )
    return markdown(["codes", *names], rows, words=1)
