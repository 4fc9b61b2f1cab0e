"""The page of conditional-position: IcGAN's Table 3, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "conditional-position"
PAGES = (NAME,)
PLACES = ("the input", "layer 1", "layer 2", "layer 3", "layer 4")
# Accuracy and F1 in percent: real faces, then y inserted at the input and at layers 1 to 4 (Table 3).
PAPER_REAL = (92.78, 71.47)
PAPER = {
    "discriminator": ((85.74, 49.63), (86.01, 52.42), (84.90, 50.00), (85.96, 52.38), (77.61, 19.49)),
    "generator": ((89.83, 59.69), (87.16, 52.40), (82.49, 52.36), (82.49, 38.01), (73.90, 4.03)),
}


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write conditional-position.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, verdict, provenance."""
    result = record["result"]
    return page(
        "# Where to insert labels",
        _protocol(result),
        "## By position in the discriminator (G: input) and in the generator (D: layer 1)",
        table(result),
        "## Verdict",
        _verdict(result),
        "## Attribute by attribute",
        "Accuracy and F1 on real faces, and on faces generated with labels at G's input and D's layer 1.",
        markdown(
            ["attribute", "share with 1", "real: accuracy", "F1", "generated: accuracy", "F1"],
            _label_rows(result),
            words=1,
        ),
        "## How it was measured",
        provenance(record),
    )


def key(network: str, position: int) -> str:
    """The key of the run in which this network has its labels at this position."""
    return f"g0-d{position}" if network == "discriminator" else f"g{position}-d1"


def table(result: dict[str, Any]) -> str:
    """Table 3 as Markdown."""
    return markdown(
        ["labels inserted in", "at", "accuracy", "F1", "paper: accuracy", "F1"], list(_rows(result)), words=2
    )


def _rows(result: dict[str, Any]) -> Iterator[list[str]]:
    yield ["real faces", "", *_figures(result["rows"]["real"], PAPER_REAL)]
    for network, papers in PAPER.items():
        for position, (name, paper) in enumerate(zip(PLACES, papers, strict=True)):
            yield [network, name, *_figures(result["rows"][key(network, position)], paper)]


def _figures(row: dict[str, Any], paper: tuple[float, float]) -> list[str]:
    return [with_interval(row["accuracy"]), with_interval(row["f1"]), *(f"{value / 100:.3f}" for value in paper)]


def _protocol(result: dict[str, Any]) -> str:
    judge, rows = result["judge"], result["rows"]
    seconds = sum(row.get("seconds", 0) for row in rows.values())
    pictures = rows[key("generator", 0)]["pictures"]
    return (
        f"Nine conditional GANs of width {result['width']} (64 in the paper) were each trained for {result['epochs']} "
        f"epoch(s) of {result['images']:,} faces in batches of {result['batch']}; in total this took "
        f"{seconds / 60:.0f} minutes, with other work on the machine. Each generates {pictures:,} faces with the "
        f"labels of validation faces, and Anet, trained for {judge['steps']:,} steps on real faces, predicts their "
        f"{len(result['labels'])} attributes. Scores are means over attributes. Brackets give 95 % intervals by "
        "bootstrap over pictures; they do not cover variation between trainings."
    )


def _verdict(result: dict[str, Any]) -> str:
    lines = []
    for network in PAPER:
        f1 = [result["rows"][key(network, position)]["f1"]["mean"] for position in range(len(PLACES))]
        best, worst = max(range(len(f1)), key=f1.__getitem__), min(range(len(f1)), key=f1.__getitem__)
        papers = [paper[1] for paper in PAPER[network]]
        lines.append(
            f"- {network}: F1 is highest at {PLACES[best]} ({f1[best]:.3f}) and lowest at {PLACES[worst]} "
            f"({f1[worst]:.3f}); the paper's is highest at {PLACES[papers.index(max(papers))]} and lowest at "
            f"{PLACES[papers.index(min(papers))]}."
        )
    return "\n".join(lines)


def _label_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    real, ours = (result["rows"][name]["by_label"] for name in ("real", key("generator", 0)))
    for name in result["labels"]:
        figures = [f"{of[name][score]:.3f}" for of in (real, ours) for score in ("accuracy", "f1")]
        yield [name, f"{real[name]['asked']:.3f}", *figures]
