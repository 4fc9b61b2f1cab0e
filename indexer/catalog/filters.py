"""Finds the images that satisfy the conditions of `--where` and lie in the folders of `--under`.

    CONDITION  NAME OPERATOR VALUE, with or without spaces between them
    NAME       a label or a file fact; label:NAME or file:NAME if both exist
    OPERATOR   = != < <= > >=, ~ for text that matches a pattern (*, ?, [a-z], [^a-z]), !~ for text that does not
    VALUE      a number, a date, or text

Put a name in "quotation marks" if it contains a quotation mark or an operator character or starts with `label:` or
`file:`, and a value if it begins with a quotation mark or an operator character. Double any quotation marks inside. A
quoted value is always text, even if it looks like a number.

File facts: id; path, absolute, and name, its last part; size in bytes; width and height in pixels; incomplete, 1 if
part of the file is missing, else 0; added, the time of indexing; changed, the file's modification time. The two times
are compared with dates in local time: 2026-01-31, 2026-01-31 12:30 or 2026-01-31 12:30:05, each covering the whole day,
minute or second.

Labels are numbers or text. = compares with either; < <= > >= compare numbers with numbers and text with text, by code
points, and never match across types. != and !~ are the opposites of = and ~. An image without the label never matches,
whatever the operator. Comparisons are case-sensitive.
"""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, LargeBinary, Select, Text, and_, cast, func, literal, not_, or_, select

from indexer.catalog.catalog import Catalog
from indexer.catalog.schema import IMAGE, LABEL, LABEL_VALUE, is_under
from indexer.errors import InputError
from indexer.files.label_files import parse_label
from indexer.numbers import comparable
from indexer.paths import printable

Ids = NDArray[np.int64]
Clause = ColumnElement[bool]

NUMBERS = {name: IMAGE.c[name] for name in ("id", "size", "width", "height", "incomplete")}
# The columns, and the number of their units per second.
TIMES = {"added": (IMAGE.c.added, 1), "changed": (IMAGE.c.mtime_ns, 10**9)}
TEXTS = ("path", "name")
FACTS = (*NUMBERS, *TIMES, *TEXTS)

ORDERS: dict[str, Callable[[Any, Any], Clause]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
QUOTED = r'"((?:[^"]|"")*)"'
SYNTAX = re.compile(
    rf'\s*(?:(label|file):)?\s*(?:{QUOTED}|([^"=!<>~]*[^"=!<>~\s]))'
    r"\s*(!=|<=|>=|!~|=|<|>|~)\s*"
    rf'(?:{QUOTED}|([^"=!<>~\s].*?))\s*',
    re.DOTALL,
)
DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?")
NEAR_NAMES = 3


@dataclass(frozen=True)
class Condition:
    """A condition; about: "label" or "file", "" until the name is resolved."""

    about: str
    name: str
    operator: str
    value: str
    quoted: bool

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parse NAME OPERATOR VALUE. Raises InputError."""
        found = SYNTAX.fullmatch(text)
        if found is None:
            raise InputError(
                f"{printable(text)!r} is no condition: write a name, one of = != < <= > >= ~ !~ and a value, as in "
                "Eyeglasses=1; put names and values that hold one of these in quotation marks"
            )
        about, quoted_name, name, sign, quoted_value, value = found.groups()
        return cls(
            about or "",
            _unquoted(quoted_name) if name is None else name,
            sign,
            _unquoted(quoted_value) if value is None else value,
            value is None,
        )

    def __str__(self) -> str:
        return printable(f"{self.name} {self.operator} {self.value}")


def matching_ids(catalog: Catalog, where: Iterable[str] = (), under: Iterable[str | Path] = ()) -> Ids:
    """Return the ids of images that satisfy all conditions and lie in any of the folders: int64 (n,), ascending.

    Raises InputError for an invalid condition, an unknown name, or a value that does not suit the file fact.
    """
    conditions = [Condition.parse(text) for text in where]
    names = catalog.labels.names() if conditions else []
    conditions = [_resolved(condition, names) for condition in conditions]
    of_labels = [_labelled(condition) for condition in conditions if condition.about == "label"]
    of_files = [_fact(condition) for condition in conditions if condition.about == "file"]
    if folders := list(under):
        of_files.append(
            or_(*(is_under(IMAGE.c.path, spelling) for folder in folders for spelling in _spellings(folder)))
        )
    if of_files or not of_labels:
        of_labels.insert(0, select(IMAGE.c.id).where(*of_files))
    # SQLite reads one index range for each condition; intersecting the ids with numpy is faster than a join.
    return reduce(_in_both, map(catalog.ids, of_labels))


def _resolved(condition: Condition, labels: Sequence[str]) -> Condition:
    """Resolve a condition to a label or a file fact. Raises InputError if its name is neither or both."""
    is_label = condition.name in labels and condition.about != "file"
    is_fact = condition.name in FACTS and condition.about != "label"
    if is_label and is_fact:
        name = condition.name
        raise InputError(f"{name} is a label here and a fact of every file: write label:{name} or file:{name}")
    if not is_label and not is_fact:
        raise InputError(_unknown(condition, labels))
    return replace(condition, about="label" if is_label else "file")


def _unknown(condition: Condition, labels: Sequence[str]) -> str:
    nouns = {"": "label or file fact", "label": "label", "file": "file fact"}
    candidates = [*(() if condition.about == "file" else labels), *(() if condition.about == "label" else FACTS)]
    near = _near(condition.name, candidates)
    return (
        f"no {nouns[condition.about]} is called {printable(condition.name)!r}: "
        + (f"is it {' or '.join(near)}? " if near else "")
        + f"`latentsearch labels` lists the labels; file facts are {', '.join(FACTS)}"
    )


def _near(name: str, candidates: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    return [by_folded[folded] for folded in get_close_matches(name.casefold(), by_folded, NEAR_NAMES)]


# Labels


def _labelled(condition: Condition) -> Select[tuple[int]]:
    label = select(LABEL.c.id).where(LABEL.c.name == condition.name).scalar_subquery()
    columns = select(LABEL_VALUE.c.image_id).where(LABEL_VALUE.c.label_id == label)
    return columns.where(_of_value(LABEL_VALUE.c.value, condition))


def _of_value(value: ColumnElement[Any], condition: Condition) -> Clause:
    """Return SQL that tests a label's value, a number or text, against a condition."""
    text = _text_of_label(condition)
    asked = text if condition.quoted else parse_label(text)
    if condition.operator in ("~", "!~"):
        fits = and_(func.typeof(value) == "text", value.op("GLOB", is_comparison=True)(text))
        return fits if condition.operator == "~" else not_(fits)
    if condition.operator in ("=", "!="):
        equal = or_(value == text, value == asked)
        return equal if condition.operator == "=" else not_(equal)
    # In SQLite, every text is greater than every number.
    same_type = value >= "" if isinstance(asked, str) else value < ""
    return and_(same_type, ORDERS[condition.operator](value, asked))


def _text_of_label(condition: Condition) -> str:
    try:
        condition.value.encode()
    except UnicodeEncodeError:
        raise InputError(f"the value in {condition} is not UTF-8, as labels are") from None
    return condition.value


# File facts


def _fact(condition: Condition) -> Clause:
    if condition.name in TEXTS:
        return _of_path(condition)
    if condition.operator in ("~", "!~"):
        raise InputError(
            f"{condition.operator} is for text, and {condition.name} is none: use one of {' '.join(ORDERS)}"
        )
    return _of_number(condition) if condition.name in NUMBERS else _of_time(condition)


def _of_number(condition: Condition) -> Clause:
    asked = parse_label(condition.value)
    if isinstance(asked, str):
        raise InputError(f"{condition.name} is a number, and {printable(asked)!r} is none")
    return ORDERS[condition.operator](NUMBERS[condition.name], asked)


def _of_time(condition: Condition) -> Clause:
    column, units = TIMES[condition.name]
    start, end = (comparable(units * second) for second in _period(condition))
    within = and_(column >= start, column < end)
    clauses = {
        "=": within,
        "!=": not_(within),
        "<": column < start,
        "<=": column < end,
        ">": column >= end,
        ">=": column >= start,
    }
    return clauses[condition.operator]


def _period(condition: Condition) -> tuple[int, int]:
    """Return the start of the period that a date names, and of the next period, in seconds since 1970."""
    found = DATE.fullmatch(condition.value)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        start = datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise InputError(
            f"{condition.name} is compared with a date, such as 2026-01-31 or 2026-01-31 12:30, and "
            f"{printable(condition.value)!r} is none"
        ) from None
    length = timedelta(**{"seconds" if found[6] else "minutes" if found[4] else "days": 1})
    return _since_1970(start), _since_1970(start + length if start <= datetime.max - length else datetime.max)


def _since_1970(moment: datetime) -> int:
    """Return seconds since 1970 by local time; by UTC at the ends of the calendar, where local time can fail."""
    try:
        return int(moment.timestamp())
    except (ValueError, OverflowError, OSError):
        return int(moment.replace(tzinfo=UTC).timestamp())


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


def _spellings(folder: str | Path) -> set[str]:
    """Return a folder's absolute path and, in case links lead to it, its real path."""
    return {os.path.abspath(folder), os.path.realpath(folder)}


def _in_both(first: Ids, second: Ids) -> Ids:
    """Return the intersection of two ascending arrays, ascending."""
    return first[np.isin(first, second, assume_unique=True, kind="table" if len(second) else None)]


def _unquoted(text: str) -> str:
    return text.replace('""', '"')
