"""The page of predicted-labels: accuracy and F1 of predicted attributes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "predicted-labels"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write predicted-labels.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, provenance."""
    result = record["result"]
    return page(
        "# Predicted labels",
        _protocol(result),
        table(result),
        "## Attribute by attribute",
        "Accuracy and F1 of each attribute; for the commoner value, accuracy only.",
        markdown(
            ["attribute", "faces with 1", "bundle: accuracy", "F1", "codes: accuracy", "F1", "commoner value"],
            _label_rows(result),
            words=1,
        ),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """The rows as Markdown."""
    names = {
        "attributes": f"bundle `{result['names']['attributes']}`",
        "codes": f"codes of `{result['names']['codes']}`",
        "commoner": "always the commoner value",
    }
    rows = [
        [name, *(with_interval(result["rows"][key][of]) for of in ("accuracy", "f1"))] for key, name in names.items()
    ]
    return markdown(["predicted by", "accuracy", "F1"], rows, words=1)


def _protocol(result: dict[str, Any]) -> str:
    return (
        "The labels that `latentsearch attributes` and `latentsearch index --predict-labels` predict for "
        f"{result['rows']['attributes']['pictures']:,} validation faces, compared with the annotated ones: "
        f"{len(result['labels'])} attributes, learned from {result['training']:,} training faces. Predictions from "
        "codes use the directions of `latentsearch query --set`, fitted on the same faces; the codes themselves were "
        "learned without labels. Scores are means over attributes. Brackets give 95 % intervals by bootstrap over "
        "pictures."
    )


def _label_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    of = {key: row["by_label"] for key, row in result["rows"].items()}
    for name in result["labels"]:
        figures = [f"{of[key][name][score]:.3f}" for key in ("attributes", "codes") for score in ("accuracy", "f1")]
        yield [name, f"{of['attributes'][name]['asked']:.3f}", *figures, f"{of['commoner'][name]['accuracy']:.3f}"]
