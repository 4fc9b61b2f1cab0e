"""The page of attribute-editing: the results of setting, swapping and blending attributes with IcGAN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "attribute-editing"
PAGES = (NAME,)
HEADER = ["set", "faces", "predicted", "other attributes changed", "picture changed"]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write attribute-editing.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, provenance."""
    result = record["result"]
    return page(
        "# Attributes set, swapped and blended",
        _protocol(result),
        "## One attribute set (Fig. 5)",
        table(result),
        _summary(result),
        _sheet(result),
        "## Two faces (Fig. 6)",
        _pairs(result),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row per attribute and value."""
    return markdown(HEADER, list(_rows(result)), words=1)


def _rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for name, ways in result["set"].items():
        for way in ways:
            if way["faces"]:
                scores = (with_interval(way[score]) for score in ("seen", "others_changed", "moved"))
                yield [f"{name}={way['value']}", str(way["faces"]), *scores]


def _protocol(result: dict[str, Any]) -> str:
    run, judge = result["run"], result["judge"]
    return (
        f"{result['faces']:,} validation faces are encoded as (z, y), y is changed, and G ({run['steps']:,} steps, "
        f"{run['seconds'] / 60:.0f} minutes) generates the edited face. Anet ({judge['steps']:,} steps), which was "
        "trained separately, predicts its attributes. Over all attributes, its predictions for a face and for the "
        f"unedited reconstruction agree in {result['seen_again']:.3f} of cases. An attribute is set in the faces whose "
        "reconstruction has the other value according to Anet. Predicted: the share of faces for which Anet then "
        "predicts the value. Other attributes changed: the share of the other attributes whose prediction changes. "
        "Picture changed: the mean absolute difference from the reconstruction, where 1 is the difference between the "
        "reconstructions of two faces. Brackets give 95 % intervals by bootstrap over faces."
    )


def _summary(result: dict[str, Any]) -> str:
    ways = [way for both in result["set"].values() for way in both if way["faces"]]
    means = {
        score: sum(way[score]["mean"] for way in ways) / len(ways) for score in ("seen", "others_changed", "moved")
    }
    return (
        f"The means over all rows: predicted {means['seen']:.3f}, other attributes changed "
        f"{means['others_changed']:.3f}, picture changed {means['moved']:.3f}."
    )


def _sheet(result: dict[str, Any]) -> str:
    return (
        f"![Generated faces with single attributes flipped]({NAME}-sheet.png)\n\n"
        "All of these faces are generated. Each row has one code z: first with the labels of a training face, then "
        f"with one of these labels flipped at a time: {', '.join(result['asked'])}."
    )


def _pairs(result: dict[str, Any]) -> str:
    swapped, blended = result["swapped"], result["blended"]
    return "\n".join(
        (
            f"- Swapped, {swapped['pairs']:,} pairs, z of one face with y of another: of the attributes in which the "
            f"two differ, {with_interval(swapped['taken'])} are predicted as in the face that gave y; the picture is "
            f"closer to the face that gave z in {with_interval(swapped['nearer_z'])} of pairs.",
            f"- Blended, {blended['pairs']:,} pairs, z and y in {blended['steps']} even steps: the picture moves away "
            f"from the first face in {with_interval(blended['grows'])} of steps; the largest step covers "
            f"{with_interval(blended['largest_step'])} of the distance, where {1 / blended['steps']:.3f} is even.",
        )
    )
