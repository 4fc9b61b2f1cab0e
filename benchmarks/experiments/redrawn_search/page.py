"""The page of redrawn-search: queries whose attribute is set by a generator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page
from benchmarks.statistics.edited_queries import LEAST_ASKED, MOST_LOST

NAME = "redrawn-search"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write redrawn-search.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, verdict, provenance."""
    result = record["result"]
    return page(
        "# Queries redrawn with an attribute set",
        _protocol(result),
        "## Do the results have the attribute, and what else changes?",
        table(result),
        "## Verdict",
        _verdict(result),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row per attribute and value."""
    header = [
        "set",
        "had it before",
        "redrawn",
        f"set: of the first {result['k']} have it",
        "others kept, change: redrawn",
        "set",
    ]
    return markdown(header, list(_rows(result)), words=1)


def _rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for name, ways in result["asked"].items():
        for way in ways:
            asked, changes = way["asked"], way["others_kept_change"]
            yield [
                f"{name}={way['value']}",
                f"{asked['as_it_is']['mean']:.3f}",
                f"{asked['drawn_anew']['mean']:.3f}",
                with_interval(asked["set"]),
                *(_change(changes[way]) for way in ("drawn_anew", "set")),
            ]


def _change(score: dict[str, Any]) -> str:
    low, high = score["interval"]
    return f"{score['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"


def _protocol(result: dict[str, Any]) -> str:
    generator = result["generator"]
    return (
        "This page measures queries edited by a generator; [edited-search](edited-search.md) measures editing by "
        f"directions. Searches use the codes of {result['encoder']}, among the {result['measured_on']:,} faces of half "
        f"of the people, without the query itself. {generator['name']} ({generator['steps']:,} steps, "
        f"{generator['seconds'] / 60:.0f} minutes) redraws each query twice: with the attributes that its encoders "
        "predict, and with the attribute set. Others kept: the share of the other attributes that query and results "
        "have in common; its change is the difference from the original query. Brackets give 95 % intervals by "
        f"bootstrap over queries ({result['resamples']:,} resamples)."
    )


def _verdict(result: dict[str, Any]) -> str:
    ways = [way for both in result["asked"].values() for way in both]
    asked = [way["asked"]["set"]["mean"] for way in ways]
    lost = [-way["others_kept_change"]["set"]["mean"] for way in ways]
    met = sum(has >= LEAST_ASKED and loses <= MOST_LOST for has, loses in zip(asked, lost, strict=True))
    drawn = sum(-way["others_kept_change"]["drawn_anew"]["mean"] for way in ways) / len(ways)
    return (
        f"The bar: at least {LEAST_ASKED:.0%} of the results have the value, and others kept falls by at most "
        f"{MOST_LOST}. {met} of {len(ways)} settings meet it. On average {sum(asked) / len(asked):.3f} have the value, "
        f"and others kept falls by {sum(lost) / len(lost):.4f}; redrawing alone accounts for {drawn:.4f} of that."
    )
