"""Conditions on what the catalogue knows of every image's file: paths, sizes and times."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Text, and_, cast, func, literal, not_

from indexer.catalog.conditions import ORDERS, Clause, Condition, in_period, number_in, period_in, refuse_pattern
from indexer.catalog.schema import IMAGE
from indexer.errors import InputError
from indexer.facts.moments import local_seconds
from indexer.numbers import comparable

SHAPES: dict[str, Clause] = {
    "landscape": IMAGE.c.width > IMAGE.c.height,
    "portrait": IMAGE.c.width < IMAGE.c.height,
    "square": IMAGE.c.width == IMAGE.c.height,
}
# Hundredths of a million pixels, rounded as in indexer.catalog.images.megapixels. SQLite divides whole numbers whole;
# the precedence is that of division in SQLAlchemy.
HUNDREDTHS = (IMAGE.c.width * IMAGE.c.height + 5_000).op("/", precedence=8)(10_000)
NUMBERS: dict[str, ColumnElement[Any]] = {
    **{name: IMAGE.c[name] for name in ("id", "size", "width", "height", "incomplete")},
    "megapixels": HUNDREDTHS,
}
# The columns, and the number of their units per second.
TIMES = {"added": (IMAGE.c.added, 1), "changed": (IMAGE.c.mtime_ns, 10**9)}
TEXTS = ("path", "name")
FILE_FACTS = (*NUMBERS, *TIMES, *TEXTS, "shape")


def of_file(condition: Condition) -> Clause:
    """Return SQL that tests a file fact. Raises InputError for a value or operator that does not suit it."""
    if condition.name in TEXTS:
        return _of_path(condition)
    refuse_pattern(condition)
    if condition.name == "shape":
        return _of_shape(condition)
    if condition.name in NUMBERS:
        asked = number_in(condition)
        asked = round(100 * asked, 6) if condition.name == "megapixels" else asked
        return ORDERS[condition.operator](NUMBERS[condition.name], asked)
    column, units = TIMES[condition.name]
    start, end = (comparable(units * local_seconds(moment)) for moment in period_in(condition))
    return in_period(column, condition.operator, start, end)


def _of_shape(condition: Condition) -> Clause:
    if condition.value not in SHAPES or condition.operator not in ("=", "!="):
        raise InputError(f"{condition} is no condition: shape is compared by = or != with {', '.join(SHAPES)}")
    clause = SHAPES[condition.value]
    return clause if condition.operator == "=" else not_(clause)


def _of_path(condition: Condition) -> Clause:
    asked = os.fsencode(condition.value)
    exactly = _as_text(literal(asked, LargeBinary))
    if condition.name == "path":
        compared = _as_text(IMAGE.c.path)
        equal, fits = IMAGE.c.path == condition.value, _glob(compared, asked)
    else:
        # SQLite evaluates conditions from left to right, so a cheap test comes before the costly one for names.
        compared, ending = _NAME, os.fsencode(os.sep) + asked
        last_bytes = func.substr(IMAGE.c.path, -len(ending))
        equal = and_(last_bytes == literal(ending, LargeBinary), compared == exactly)
        fits = and_(_glob(_as_text(IMAGE.c.path), b"*" + ending), _glob(compared, asked))
    clauses = {"=": equal, "!=": not_(equal), "~": fits, "!~": not_(fits)}
    if condition.operator in clauses:
        return clauses[condition.operator]
    return ORDERS[condition.operator](compared, exactly)


def _as_text(value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a path's bytes as text for SQLite's text functions, whether they are UTF-8 or not."""
    return cast(value, Text)


def _glob(text: ColumnElement[str], pattern: bytes) -> Clause:
    return text.op("GLOB", is_comparison=True)(_as_text(literal(pattern, LargeBinary)))


def _name_of(path: ColumnElement[Any]) -> ColumnElement[str]:
    """Return SQL for a path's last part; its folder is found by stripping all non-separators from the end."""
    text = _as_text(path)
    folder = func.rtrim(text, func.replace(text, os.sep, " "))
    return _as_text(func.substr(path, func.length(cast(folder, LargeBinary)) + 1))


_NAME = _name_of(IMAGE.c.path)
