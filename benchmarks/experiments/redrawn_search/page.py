"""The page of redrawn-search: queries with an attribute set by a generator, beside those by directions."""

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
    """The page: what was measured, the table, the verdict, how to run it again."""
    result = record["result"]
    return page(
        "# Queries drawn anew with an attribute set",
        _protocol(result),
        "## Do the results have it, and what else changes?",
        table(result),
        "## Verdict",
        _verdict(result),
        "## How it was measured",
        provenance(record),
    )


def table(result: dict[str, Any]) -> str:
    """One row an attribute and value."""
    header = [
        "set",
        "had it before",
        "drawn anew",
        f"set, of the first {result['k']}",
        "others: drawn anew",
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
        "The way by directions stands in [edited-search](edited-search.md); this is the other one. Searched by "
        "the codes of "
        f"{result['encoder']} among the {result['measured_on']:,} faces of half of the people, the query itself "
        "left out. "
        f"{generator['name']} ({generator['steps']:,} steps, {generator['seconds'] / 60:.0f} minutes) draws each query "
        "anew, once as its encoders see it and once with the attribute set. Others kept: the share of the other "
        "attributes "
        "that query and results have in common, less the same for the query as it is. In brackets 95 % intervals by "
        f"bootstrap over queries ({result['resamples']:,} resamples)."
    )


def _verdict(result: dict[str, Any]) -> str:
    ways = [way for both in result["asked"].values() for way in both]
    asked = [way["asked"]["set"]["mean"] for way in ways]
    lost = [-way["others_kept_change"]["set"]["mean"] for way in ways]
    met = sum(has >= LEAST_ASKED and loses <= MOST_LOST for has, loses in zip(asked, lost, strict=True))
    drawn = sum(-way["others_kept_change"]["drawn_anew"]["mean"] for way in ways) / len(ways)
    return (
        f"Asked for: at least {LEAST_ASKED:.0%} have the value, and the others lose at most {MOST_LOST}. Met by "
        f"{met} of "
        f"{len(ways)}. On average {sum(asked) / len(asked):.3f} have it, and the others lose "
        f"{sum(lost) / len(lost):.4f}, "
        f"of which {drawn:.4f} are lost by being drawn anew alone."
    )
