"""The page of faces: every part against its bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

PAGES = ("faces",)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write faces.md."""
    return [write_page(folder, record["name"], report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, provenance."""
    result = record["result"]
    return page(
        "# Faces in photographs",
        "Validation faces of CelebA are pasted into pictures without a face (CIFAR-10 enlarged and in mosaics, "
        "textures, drawings; 1024x768): up to three a picture, turned by up to 30 degrees. Heights are from the "
        "hairline to the chin. The error of the five points is relative to the distance between the eyes; the "
        "reference is what the detector says of the upright original. Agreement@20 is that of the found faces' codes "
        "with the 20,000 train faces. Brackets give 95 % intervals by bootstrap.",
        *report_lines(result),
        "## How it was measured",
        provenance(record),
    )


def report_lines(result: dict[str, Any]) -> Iterator[str]:
    """The tables of the parts that were measured."""
    bars = result["bars"]
    if "large" in result:
        yield "## Faces found"
        sizes = {"100 to 400": result["large"], **result.get("small", {})}
        yield markdown(
            ["height in pixels", "faces", "found", "error of the points: median", "nine tenths"],
            [
                [
                    size,
                    str(one["faces"]),
                    with_interval(one["found"]),
                    _share(one["error_median"]),
                    _share(one["error_90"]),
                ]
                for size, one in sizes.items()
            ],
            words=1,
        )
        yield f"Bars for 100 to 400 pixels: {bars['found']} found, {bars['error_median']:.0%} median error."
    if "false" in result:
        yield "## False finds in pictures without a face"
        yield markdown(
            ["pictures", "number", "finds", "per 1,000 pictures"],
            [
                [kind, str(o["pictures"]), str(o["finds"]), f"{o['a_thousand']:.1f}"]
                for kind, o in result["false"].items()
            ],
            words=1,
        )
        yield f"Bar: at most {bars['false_finds_a_thousand']:g} per 1,000 pictures."
    if "agreement" in result:
        one = result["agreement"]
        yield "## Agreement@20"
        rows = [[what, with_interval(one[what])] for what in ("originals", "pasted", "difference")]
        yield markdown(["codes of", "agreement@20"], rows, words=1)
        yield f"Bar: at most {bars['agreement_lost']} below the originals; {one['queries']} faces."
    yield from _groups(result)
    yield from _speeds(result)


def _groups(result: dict[str, Any]) -> Iterator[str]:
    if "groups" in result:
        yield "## Groups"
        groups = result["groups"]
        yield markdown(
            ["least similarity", "pairs", "precision", "recall", "groups", "largest"],
            [
                [
                    f"{one['min_similarity']:g}", str(one["pairs"]), f"{one['precision']:.3f}", f"{one['recall']:.3f}",
                    str(one["groups"]), str(one["largest"]),
                ]
                for one in groups["thresholds"]
            ],
            words=0,
        )  # fmt: skip
        yield f"{groups['faces']} of {groups['of']} validation faces were found; `latentsearch faces` uses 0.9998."


def _speeds(result: dict[str, Any]) -> Iterator[str]:
    bars = result["bars"]
    if "photographs" in result:
        one = result["photographs"]
        yield "## Photographs of 12 megapixels a second"
        rows = [[stage, f"{one[stage]:.1f}"] for stage in ("decode", "detect", "encode", "bound", "index")]
        yield markdown(["stage, on all cores", "photographs/s"], rows, words=1)
        yield (
            f"`index --faces` reaches {one['to_bound']:.2f} of the bound ({one['to_bound_without_start']:.2f} without "
            f"the start of the program); bars: {bars['to_bound']}, {bars['detect']:g} a second for detection."
        )
    if "queries" in result:
        one = result["queries"]
        yield f"## Searches by id among {one['indexed']:,}"
        kinds = [what for what in one if what != "indexed"]
        yield markdown(["search", "median, ms"], [[what, f"{one[what]['median_ms']:.2f}"] for what in kinds], words=1)
        yield f"Bar: at most {bars['query_ratio']} times the search without faces."


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
