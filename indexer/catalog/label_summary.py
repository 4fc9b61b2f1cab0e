"""Summarises an index's labels: their types, frequencies and values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import func, select

from indexer.catalog.catalog import Catalog
from indexer.catalog.labels import LabelValue
from indexer.catalog.schema import LABEL, LABEL_VALUE

# For labels with at most this many distinct values, the images are counted for each value.
VALUES_LISTED = 10
TYPES = {frozenset({"integer"}): "whole number", frozenset({"text"}): "text"}
TYPE_NAMES: dict[type, str] = {int: "integer", float: "real", str: "text"}


@dataclass(frozen=True)
class LabelSummary:
    """The summary of one label.

    type: "yes/no" if all values are 1 or 0, else "whole number", "number", "text", or "mixed" for numbers and text.
    count: images that have it. values: (value, count) pairs, ascending, numbers first; None if there are more than
    VALUES_LISTED. least, greatest: its extreme numbers, None if it has no numbers. predicted: images whose value is
    predicted.
    """

    name: str
    type: str
    count: int
    values: tuple[tuple[LabelValue, int], ...] | None
    least: int | float | None
    greatest: int | float | None
    predicted: int = 0


def summarise_labels(catalog: Catalog) -> list[LabelSummary]:
    """Summarise every label that at least one image has, in order of first appearance."""
    labels = catalog.rows(select(LABEL.c.id, LABEL.c.name).order_by(LABEL.c.id))
    summaries = (_of_few(catalog, *label) or _of_many(catalog, *label) for label in labels)
    predicted = _predicted(catalog)
    return [replace(summary, predicted=predicted.get(summary.name, 0)) for summary in summaries if summary.count]


def _predicted(catalog: Catalog) -> dict[str, int]:
    """Count the predicted values of each label."""
    joined = LABEL.join(LABEL_VALUE, LABEL_VALUE.c.label_id == LABEL.c.id)
    counted = select(LABEL.c.name, func.count()).select_from(joined).where(LABEL_VALUE.c.predicted == 1)
    return {name: count for name, count in catalog.rows(counted.group_by(LABEL.c.id))}


def _of_few(catalog: Catalog, label: int, name: str) -> LabelSummary | None:
    """Summarise a label with few values; None if it has many."""
    value = LABEL_VALUE.c.value
    some = select(value).where(LABEL_VALUE.c.label_id == label).distinct().limit(VALUES_LISTED + 1)
    if len(catalog.rows(some)) > VALUES_LISTED:
        return None
    counted = select(value, func.count()).where(LABEL_VALUE.c.label_id == label).group_by(value).order_by(value)
    values = tuple((found, count) for found, count in catalog.rows(counted))
    numbers = [found for found, _ in values if not isinstance(found, str)]
    is_yes_or_no = all(isinstance(found, int) and found in (0, 1) for found, _ in values)
    value_type = "yes/no" if is_yes_or_no else _type({TYPE_NAMES[type(found)] for found, _ in values})
    count = sum(count for _, count in values)
    return LabelSummary(name, value_type, count, values, min(numbers, default=None), max(numbers, default=None))


def _of_many(catalog: Catalog, label: int, name: str) -> LabelSummary:
    """Summarise a label with many values in one pass; sorting the values would take several times as long."""
    value, value_type = LABEL_VALUE.c.value, func.typeof(LABEL_VALUE.c.value)
    by_type = select(value_type, func.count(), func.min(value), func.max(value))
    rows = catalog.rows(by_type.where(LABEL_VALUE.c.label_id == label).group_by(value_type))
    numbers = [bound for found, _, *bounds in rows if found != "text" for bound in bounds]
    count = sum(count for _, count, *_ in rows)
    value_types = {found for found, *_ in rows}
    return LabelSummary(name, _type(value_types), count, None, min(numbers, default=None), max(numbers, default=None))


def _type(value_types: set[str]) -> str:
    return TYPES.get(frozenset(value_types), "mixed" if "text" in value_types else "number")
