"""Parses the conditions of `--where`; see indexer.catalog.filters for their syntax."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, not_

from indexer.errors import InputError
from indexer.facts.moments import period_of
from indexer.files.label_files import parse_label
from indexer.paths import printable

Clause = ColumnElement[bool]

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


def number_in(condition: Condition) -> int | float:
    """Return the number that a condition compares with. Raises InputError for anything else."""
    asked = parse_label(condition.value)
    if isinstance(asked, str):
        raise InputError(f"{condition.name} is a number, and {printable(asked)!r} is none")
    return asked


def period_in(condition: Condition) -> tuple[datetime, datetime]:
    """Return the start of the period that a condition names, and of the next one. Raises InputError."""
    try:
        return period_of(condition.value)
    except ValueError:
        raise InputError(
            f"{condition.name} is compared with a date, such as 2026-01-31, 2026-01 or 2026-01-31 12:30, and "
            f"{printable(condition.value)!r} is none"
        ) from None


def in_period(column: ColumnElement[Any], sign: str, start: int | float, end: int | float) -> Clause:
    """Return SQL that compares a column with a period: = is within it, < before it, > after it."""
    within = and_(column >= start, column < end)
    clauses = {
        "=": within,
        "!=": not_(within),
        "<": column < start,
        "<=": column < end,
        ">": column >= end,
        ">=": column >= start,
    }
    return clauses[sign]


def refuse_pattern(condition: Condition) -> None:
    """Raise InputError if a condition matches a pattern, which is for text."""
    if condition.operator in ("~", "!~"):
        raise InputError(
            f"{condition.operator} is for text, and {condition.name} is none: use one of {' '.join(ORDERS)}"
        )


def _unquoted(text: str) -> str:
    return text.replace('""', '"')
