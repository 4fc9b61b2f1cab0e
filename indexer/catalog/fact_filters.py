"""Conditions on facts that pictures state about themselves: when, where and with what they were taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, not_, select

from indexer.catalog.catalog import Catalog
from indexer.catalog.conditions import ORDERS, Clause, Condition, in_period, number_in, period_in, refuse_pattern
from indexer.catalog.facts import NUMBERS
from indexer.catalog.file_filters import SHAPES
from indexer.catalog.schema import FACT
from indexer.errors import InputError
from indexer.facts.moments import seconds_of
from indexer.facts.places import Circle
from indexer.paths import printable

Ids = NDArray[np.int64]
TEXTS = ("camera", "lens")
NEAR = "near"
# The facts that a condition can name; `offset` belongs to `taken`, and `near` to the place.
PICTURE_FACTS = ("taken", *TEXTS, "latitude", "longitude", NEAR, "orientation")


def ids_of_fact(catalog: Catalog, condition: Condition) -> Ids:
    """Return the ids of images with a fact that satisfies a condition: int64 (n,), ascending. Raises InputError."""
    if condition.name == NEAR:
        return _near(catalog, condition)
    return catalog.ids(_selected(condition))


def _selected(condition: Condition) -> Select[tuple[int]]:
    ids = select(FACT.c.image_id).where(FACT.c.fact == NUMBERS[condition.name])
    return ids.where(_of_value(FACT.c.value, condition))


def _of_value(value: ColumnElement[int | float | str], condition: Condition) -> Clause:
    if condition.name in TEXTS:
        return _of_text(value, condition)
    refuse_pattern(condition)
    if condition.name == "taken":
        start, end = map(seconds_of, period_in(condition))
        return in_period(value, condition.operator, start, end)
    if condition.value in SHAPES and condition.name == "orientation":
        raise InputError(f"orientation is Exif's number from 1 to 8: write shape={condition.value}")
    return ORDERS[condition.operator](value, number_in(condition))


def _of_text(value: ColumnElement[int | float | str], condition: Condition) -> Clause:
    try:
        condition.value.encode()
    except UnicodeEncodeError:
        raise InputError(f"the value in {condition} is not UTF-8, as facts are") from None
    if condition.operator in ("~", "!~"):
        fits = value.op("GLOB", is_comparison=True)(condition.value)
        return fits if condition.operator == "~" else not_(fits)
    return ORDERS[condition.operator](value, condition.value)


def _near(catalog: Catalog, condition: Condition) -> Ids:
    try:
        if condition.operator not in ("=", "!="):
            raise ValueError
        circle = Circle.parse(condition.value)
    except ValueError:
        raise InputError(
            f"{condition} is no condition: write near=LATITUDE,LONGITUDE,RADIUS in degrees and with km, m or mi, as in "
            f"near=48.2,16.3,5km; {printable(NEAR)}!= selects pictures taken elsewhere"
        ) from None
    is_within = condition.operator == "="
    box = (circle.latitudes(), circle.longitudes()) if is_within else ((-90.0, 90.0), None)
    ids, latitudes, longitudes = catalog.facts.places(*box)
    within = circle.holds(latitudes, longitudes)
    return ids[within if is_within else ~within]
