"""The columns of an exported Parquet file that hold facts of pictures, each null where the picture does not state it.

taken: a timestamp without a time zone, by the clock at the place; taken_offset: that clock's minutes from UTC; camera,
lens; latitude and longitude in degrees; orientation: Exif's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indexer.facts.facts import Facts

MICROSECONDS = 1_000_000
# The columns, in the order of the fields of Facts.
COLUMNS = ("taken", "taken_offset", "camera", "lens", "latitude", "longitude", "orientation")


def fact_types(arrow: Any) -> dict[str, Any]:
    """Return the types of the columns by name. arrow: the module pyarrow."""
    types = (arrow.timestamp("us"), arrow.int32(), *[arrow.string()] * 2, *[arrow.float64()] * 2, arrow.int32())
    return dict(zip(COLUMNS, types, strict=True))


def fact_values(facts: Sequence[Facts]) -> dict[str, list[Any]]:
    """Return the values of the columns by name."""
    found = dict(zip(COLUMNS, map(list, zip(*facts, strict=True)), strict=True))
    found["taken"] = [None if seconds is None else round(seconds * MICROSECONDS) for seconds in found["taken"]]
    return found


def facts_in(content: Mapping[str, Any], count: int) -> list[Facts]:
    """Return the facts in the columns of a batch of `count` rows; impossible values count as null."""
    values = [_values(content.get(name), name, count) for name in COLUMNS]
    return [Facts(*row).possible() for row in zip(*values, strict=True)]


def _values(column: Any, name: str, count: int) -> list[Any]:
    if column is None:
        return [None] * count
    if name != "taken":
        return list(column.to_pylist())
    return [None if number is None else _seconds(number) for number in column.cast("int64").to_pylist()]


def _seconds(microseconds: int) -> int | float:
    whole, part = divmod(microseconds, MICROSECONDS)
    return whole + part / MICROSECONDS if part else whole
