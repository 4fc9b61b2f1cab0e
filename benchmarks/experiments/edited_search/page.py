"""The page of edited-search: what comes of setting one attribute of a query."""

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
    """The page: what was measured, the tables, the verdict, how to run it again."""
    result = record["result"]
    return page(
        "# Queries with an attribute set",
        _protocol(result),
        "## Do the results have it, and what else changes?",
        markdown(
            [
                "set",
                "faces with 1",
                "had it before",
                f"of the first {result['k']} have it",
                "others kept, change",
                "without the same thing",
            ],
            _rows(result),
            words=1,
        ),
        "## How far labels would lead",
        f"Others kept, change, where the labels of the searched faces are read and the first {result['k']} are all "
        "among those that have the value: the nearest of them by code, and those that share the most other attributes.",
        markdown(["set", "as above", "nearest by code", "most in common"], _label_rows(result), words=1),
        "## Verdict",
        _verdict(result),
        "## The same person, with the attribute",
        f"Where the searched half has another picture of the person with the value: the median of its rank (the first "
        f"{result['deep']:,} were looked at) and how often it is among the first {result['k']}, before and after.",
        markdown(["set", "queries", "rank before", "after", "found before", "after"], _person_rows(result), words=1),
        *_predicted(result["predicted"], result),
        "## How it was measured",
        provenance(record),
    )


def _protocol(result: dict[str, Any]) -> str:
    method = result["method"]
    return (
        f"Codes: {method['name']} ({method['code']}, {method['distance']}). What they tell of attributes, and how "
        f"much one that is set counts for, was learned from the {result['learned_from']:,} faces of half of the "
        "people; queries, faces that lack the value, and results are among the "
        f"{result['measured_on']:,} of the other half, the query itself left out. In brackets 95 % intervals "
        f"by bootstrap over queries ({result['resamples']:,} resamples). Others kept: the share of the other "
        "attributes that query and results have in common, less the same for the unedited query; without the same "
        f"thing: without those that say more of what is set ({_same_things(result)}). The way through a generator "
        "(IcGAN: change y, generate, encode) stands in redrawn-search.md."
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
    """The bar by setting, and by attribute, the mean of both settings."""
    settings = [_judged(name, [way]) for name, _, way in _ways(result)]
    attributes = [_judged(name, row["ways"]) for name, row in result["asked"].items()]
    bars = f"Asked for: at least {LEAST_ASKED:.0%} have the value, and the others lose at most {MOST_LOST}."
    counts = f"{_met(attributes)} attributes, the mean of setting them to 1 and to 0, and {_met(settings)} settings"
    return "\n".join([f"{bars} {counts} meet it.", "", *settings, "", "By attribute:", "", *attributes])


def _judged(name: str, ways: list[dict[str, Any]]) -> str:
    """One line: whether the mean of these settings meets the bar, and by what it misses it."""
    asked, change, unrelated = (
        sum(way[score]["mean"] for way in ways) / len(ways)
        for score in ("asked", "others_kept_change", "unrelated_kept_change")
    )
    misses = [f"asked {asked:.3f}"] * (asked < LEAST_ASKED)
    if change < -MOST_LOST:
        misses.append(f"others {change:+.4f}, without the same thing {unrelated:+.4f}")
    return f"- {name}: {'missed, ' + ', '.join(misses) if misses else 'met'}."


def _met(lines: list[str]) -> str:
    return f"{sum(line.endswith(': met.') for line in lines)} of {len(lines)}"


def _predicted(predicted: dict[str, Any], result: dict[str, Any]) -> list[str]:
    """What comes of learning from predicted labels, where there are any."""
    if not predicted or not predicted["asked"]:
        return []
    text = (
        f"The same where the labels that are learned from are those that `{predicted['name']}` predicts, as "
        "`latentsearch index --predict-labels` stores them; results are judged by what people say. It has seen these "
        "faces with their labels in training, so that of other faces it is right a little less often."
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
