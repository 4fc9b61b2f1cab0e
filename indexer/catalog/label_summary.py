"""Summarises an index's labels, and the facts that its pictures state: their types, frequencies and values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, select

from indexer.catalog.catalog import Catalog
from indexer.catalog.labels import LabelValue
from indexer.catalog.schema import FACT, FACT_NAMES, LABEL, LABEL_VALUE
from indexer.catalog.sqlite import values_checked
from indexer.facts.moments import iso_of

# For labels with at most this many distinct values, the images are counted for each value.
VALUES_LISTED = 10
TYPES = {frozenset({"integer"}): "whole number", frozenset({"text"}): "text"}
DATE = "date"
TYPE_NAMES: dict[type, str] = {int: "integer", float: "real", str: "text"}


@dataclass(frozen=True)
class LabelSummary:
    """The summary of one label.

    type: "yes/no" if all values are 1 or 0, else "whole number", "number", "text", or "mixed" for numbers and text; for
    facts also "date". count: images that have it. values: (value, count) pairs, ascending, numbers first; None if there
    are more than VALUES_LISTED. least, greatest: its extreme numbers or dates, None if it has none. predicted: images
    whose value is predicted.
    """

    name: str
    type: str
    count: int
    values: tuple[tuple[LabelValue, int], ...] | None
    least: LabelValue | None
    greatest: LabelValue | None
    predicted: int = 0


def summarise_labels(catalog: Catalog) -> list[LabelSummary]:
    """Summarise every label that at least one image has, in order of first appearance."""
    labels = catalog.rows(select(LABEL.c.id, LABEL.c.name).order_by(LABEL.c.id))
    named = [(name, _Values(LABEL_VALUE.c.value, LABEL_VALUE.c.label_id == number)) for number, name in labels]
    summaries = (_of_few(catalog, *label) or _of_many(catalog, *label) for label in named)
    predicted = _predicted(catalog)
    return [replace(summary, predicted=predicted.get(summary.name, 0)) for summary in summaries if summary.count]


def summarise_facts(catalog: Catalog) -> list[LabelSummary]:
    """Summarise every fact that at least one picture states about itself, in the catalogue's order.

    Dates have the type "date" and extremes in ISO 8601, by the clock at the place.
    """
    named = [
        (name, _Values(FACT.c.value, FACT.c.fact == number, may_be_yes_or_no=False))
        for number, name in enumerate(FACT_NAMES, start=1)
        if name != "offset"
    ]
    summaries = (
        _of_times(catalog, *fact) if fact[0] == "taken" else _of_few(catalog, *fact) or _of_many(catalog, *fact)
        for fact in named
    )
    return [summary for summary in summaries if summary.count]


@dataclass(frozen=True)
class _Values:
    """The values of one label or fact: their column, and SQL that selects them."""

    value: ColumnElement[Any]
    which: ColumnElement[bool]
    may_be_yes_or_no: bool = True


def _predicted(catalog: Catalog) -> dict[str, int]:
    """Count the predicted values of each label."""
    joined = LABEL.join(LABEL_VALUE, LABEL_VALUE.c.label_id == LABEL.c.id)
    counted = select(LABEL.c.name, func.count()).select_from(joined).where(LABEL_VALUE.c.predicted == 1)
    return {name: count for name, count in catalog.rows(counted.group_by(LABEL.c.id))}


def _of_few(catalog: Catalog, name: str, values: _Values) -> LabelSummary | None:
    """Summarise a label or fact with few values; None if it has many."""
    value = values.value
    if len(catalog.rows(select(value).where(values.which).distinct().limit(VALUES_LISTED + 1))) > VALUES_LISTED:
        return None
    counted = catalog.rows(select(value, func.count()).where(values.which).group_by(value).order_by(value))
    found = tuple((one, count) for one, count in counted)
    numbers = [one for one, _ in found if not isinstance(one, str)]
    is_yes_or_no = values.may_be_yes_or_no and all(isinstance(one, int) and one in (0, 1) for one, _ in found)
    value_type = "yes/no" if is_yes_or_no else _type({TYPE_NAMES[type(one)] for one, _ in found})
    count = sum(count for _, count in found)
    return LabelSummary(name, value_type, count, found, min(numbers, default=None), max(numbers, default=None))


def _of_many(catalog: Catalog, name: str, values: _Values) -> LabelSummary:
    """Summarise a label or fact with many values in one pass; sorting them would take several times as long."""
    value, value_type = values.value, func.typeof(values.value)
    by_type = select(value_type, func.count(), func.min(value), func.max(value))
    rows = catalog.rows(by_type.where(values.which).group_by(value_type))
    numbers = [bound for found, _, *bounds in rows if found != "text" for bound in bounds]
    count = sum(count for _, count, *_ in rows)
    value_types = {found for found, *_ in rows}
    return LabelSummary(name, _type(value_types), count, None, min(numbers, default=None), max(numbers, default=None))


def _of_times(catalog: Catalog, name: str, values: _Values) -> LabelSummary:
    value = values.value
    extremes: Any = select(func.min(value), func.max(value), func.count()).where(values.which)
    ((least, greatest, count),) = catalog.rows(extremes)
    with values_checked():
        return LabelSummary(name, DATE, count, None, iso_of(least), iso_of(greatest)) if count else _nothing(name)


def _nothing(name: str) -> LabelSummary:
    return LabelSummary(name, "text", 0, (), None, None)


def _type(value_types: set[str]) -> str:
    return TYPES.get(frozenset(value_types), "mixed" if "text" in value_types else "number")
