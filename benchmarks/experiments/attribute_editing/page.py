"""The page of attribute-editing: what comes of setting, swapping and blending attributes through IcGAN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page

NAME = "attribute-editing"
PAGES = (NAME,)
HEADER = ["set", "faces", "seen", "other attributes changed", "picture moved"]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write attribute-editing.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The page: what was measured, the tables, how to run it again."""
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
    """One row an attribute and value."""
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
        f"{result['faces']:,} validation faces are encoded as (z, y), y is changed, and G draws ({run['steps']:,} "
        "steps, "
        f"{run['seconds'] / 60:.0f} minutes). Anet ({judge['steps']:,} steps), which has no part in it, says what "
        "it sees. "
        f"Unchanged, it sees in the reconstruction what it sees in the face in {result['seen_again']:.3f} of "
        "cases, over all "
        "attributes. An attribute is set in the faces in whose reconstruction Anet sees the other value. Seen: how "
        "often "
        "it then sees the value. Other attributes changed: the share of the others of which it says something else "
        "than before. Picture moved: the mean absolute difference to the reconstruction, 1 being as far as those of "
        "two faces are. In brackets 95 % intervals by bootstrap over faces."
    )


def _summary(result: dict[str, Any]) -> str:
    ways = [way for both in result["set"].values() for way in both if way["faces"]]
    means = {
        score: sum(way[score]["mean"] for way in ways) / len(ways) for score in ("seen", "others_changed", "moved")
    }
    return (
        f"Mean over all of these: seen {means['seen']:.3f}, other attributes changed {means['others_changed']:.3f}, "
        f"picture moved {means['moved']:.3f}."
    )


def _sheet(result: dict[str, Any]) -> str:
    names = ", ".join(result["asked"])
    return (
        f"![Generated faces with attributes turned over]({NAME}-sheet.png)\n\n"
        "All of these are generated. A row is one code z: with the labels of a training face, then with one "
        "turned over "
        f"at a time: {names}."
    )


def _pairs(result: dict[str, Any]) -> str:
    swapped, blended = result["swapped"], result["blended"]
    return "\n".join(
        (
            f"- Swapped, {swapped['pairs']:,} pairs, z of one face and y of another: of the attributes in which the "
            f"two differ, {with_interval(swapped['taken'])} are then seen as in the one that gave y; the picture "
            "is nearer "
            f"to the one that gave z in {with_interval(swapped['nearer_z'])} of pairs.",
            f"- Blended, {blended['pairs']:,} pairs, z and y in {blended['steps']} even steps: the picture moves "
            "away from "
            f"the first one in {with_interval(blended['grows'])} of steps; the largest step has "
            f"{with_interval(blended['largest_step'])} of the way, {1 / blended['steps']:.3f} being even.",
        )
    )
