"""The page of edited-search: the results of queries with one attribute set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page
from benchmarks.statistics.edited_queries import LEAST_ASKED, MOST_LOST

NAME = "edited-search"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write edited-search.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables, verdict, provenance."""
    result = record["result"]
    return page(
        "# Queries with an attribute set",
        _protocol(result),
        "## Do the results have the attribute, and what else changes?",
        markdown(
            [
                "set",
                "faces with 1",
                "had it before",
                f"of the first {result['k']} have it",
                "others kept, change",
                "unrelated kept, change",
            ],
            _rows(result),
            words=1,
        ),
        "## Compared with searches that read labels",
        f"The change of others kept, if the labels of the searched faces are read, so that the first {result['k']} all "
        "have the value: the nearest of them by code, and those that share the most other attributes.",
        markdown(["set", "as above", "nearest by code", "most in common"], _label_rows(result), words=1),
        "## Verdict",
        _verdict(result),
        "## The same person, with the attribute",
        "For queries whose person has another picture with the value in the searched half: the median of its rank "
        f"(among the first {result['deep']:,}) and how often it is among the first {result['k']}, before and after.",
        markdown(["set", "queries", "rank before", "after", "found before", "after"], _person_rows(result), words=1),
        *_predicted(result["predicted"], result),
        "## How it was measured",
        provenance(record),
    )


def _protocol(result: dict[str, Any]) -> str:
    method = result["method"]
    return (
        f"Codes: {method['name']} ({method['code']}, {method['distance']}). The directions that predict attributes, "
        f"and the weight of a set attribute, were learned from the {result['learned_from']:,} faces of half of the "
        "people. Queries are faces that lack the value; queries and results are among the "
        f"{result['measured_on']:,} faces of the other half, without the query itself. Brackets give 95 % intervals by "
        f"bootstrap over queries ({result['resamples']:,} resamples). Others kept: the share of the other attributes "
        "that query and results have in common; its change is the difference from the unedited query. Unrelated kept "
        f"leaves out attributes implied by the one that is set ({_same_things(result)}). The alternative, editing "
        "through a generator (IcGAN: change y, generate, encode), is measured in [redrawn-search](redrawn-search.md)."
    )


def _same_things(result: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {', '.join(others)}" for name, others in result["same_thing"].items())


def _ways(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, row in result["asked"].items():
        for way in row["ways"]:
            yield f"{name}={way['value']}", row, way


def _rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for name, row, way in _ways(result):
        yield [
            name,
            f"{row['share_of_faces']:.3f}",
            f"{way['asked_before']['mean']:.3f}",
            with_interval(way["asked"]),
            _change(way["others_kept_change"]),
            _change(way["unrelated_kept_change"]),
        ]


def _change(score: dict[str, Any]) -> str:
    low, high = score["interval"]
    return f"{score['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"


def _label_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for name, _, way in _ways(result):
        changes = (way["others_kept_change"], way["by_labels"]["code"], way["by_labels"]["others"])
        yield [name, *(f"{change['mean']:+.4f}" for change in changes)]


def _verdict(result: dict[str, Any]) -> str:
    """The bar by setting, and by attribute, averaged over both settings."""
    settings = [_judged(name, [way]) for name, _, way in _ways(result)]
    attributes = [_judged(name, row["ways"]) for name, row in result["asked"].items()]
    bars = (
        f"The bar: at least {LEAST_ASKED:.0%} of the results have the value, and others kept falls by at most "
        f"{MOST_LOST}."
    )
    counts = f"{_met(attributes)} attributes, averaged over setting them to 1 and to 0, and {_met(settings)} settings"
    return "\n".join([f"{bars} {counts} meet it.", "", *settings, "", "By attribute:", "", *attributes])


def _judged(name: str, ways: list[dict[str, Any]]) -> str:
    """One line: whether the mean of these settings meets the bar, and the figures that miss it."""
    asked, change, unrelated = (
        sum(way[score]["mean"] for way in ways) / len(ways)
        for score in ("asked", "others_kept_change", "unrelated_kept_change")
    )
    misses = [f"have it {asked:.3f}"] * (asked < LEAST_ASKED)
    if change < -MOST_LOST:
        misses.append(f"others kept {change:+.4f}, unrelated kept {unrelated:+.4f}")
    return f"- {name}: {'missed, ' + ', '.join(misses) if misses else 'met'}."


def _met(lines: list[str]) -> str:
    return f"{sum(line.endswith(': met.') for line in lines)} of {len(lines)}"


def _predicted(predicted: dict[str, Any], result: dict[str, Any]) -> list[str]:
    """The results of learning from predicted labels, if they were measured."""
    if not predicted or not predicted["asked"]:
        return []
    text = (
        f"The same, but learned from the labels that `{predicted['name']}` predicts and `latentsearch index "
        "--predict-labels` stores; results are still judged by annotated labels. The bundle was trained on these faces "
        "and their labels, so on other faces it is slightly less accurate."
    )
    given = {name: way for name, _, way in _ways(result)}
    rows = [
        [
            name,
            with_interval(way["asked"]),
            f"{given[name]['asked']['mean']:.3f}",
            _change(way["others_kept_change"]),
            f"{given[name]['others_kept_change']['mean']:+.4f}",
        ]
        for name, _, way in _ways(predicted)
    ]
    header = ["set", f"of the first {result['k']} have it", "by given labels", "others kept, change", "by given labels"]
    counts = _met([_judged(name, [way]) for name, _, way in _ways(predicted)])
    return [
        "## Learned from predicted labels",
        text,
        markdown(header, rows, words=1),
        f"{counts} settings meet the bar.",
    ]


def _person_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    for name, _, way in _ways(result):
        person = way["same_person"]
        if person["queries"]:
            before, after = person["before"], person["after"]
            yield [
                name,
                str(person["queries"]),
                f"{before['median_rank']:.0f}",
                f"{after['median_rank']:.0f}",
                f"{before['among_first_10']:.3f}",
                f"{after['among_first_10']:.3f}",
            ]
