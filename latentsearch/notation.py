"""Parse what people write in a query: cut-offs (1/1000), weights (2:one.jpg), parts of pictures, labels to set."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from numbers import Real
from typing import Any, NamedTuple

from indexer.errors import InputError
from indexer.paths import printable

# 1/1000, 1/1,000 and 1 in 1,000.
ONE_IN = re.compile(r"([\d,]+(?:\.\d+)?)\s*(?:/|in)\s*([\d,]+(?:\.\d+)?)")

# A number before a colon. A drive of Windows, such as C:, is no number.
WEIGHT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)):(.+)", re.DOTALL)
CHANGE = re.compile(r"\s*(.+?)\s*=\s*([01])\s*")
# A greater weight would only lose the digits of the other pictures' codes.
WEIGHT_AT_MOST = 1_000_000
SHAPE_OF_PART = "write x,y,w,h in pixels, such as 0,0,200,100, or in shares of the picture, such as 0.25,0,0.5,1"


class Part(NamedTuple):
    """The part of an upright picture to search for: left, top, width and height, in pixels or in shares."""

    x: float
    y: float
    width: float
    height: float

    @property
    def is_share(self) -> bool:
        """Whether the numbers are shares of the picture, 0 to 1, rather than pixels."""
        return max(self) <= 1

    def __str__(self) -> str:
        return ",".join(f"{number:g}" for number in self)


def share_of(given: str | float | Fraction) -> float:
    """Parse a share of random pairs, "1/1000", "1 in 1,000" or 0.001; return it, above 0 and at most 1.

    Raises InputError for anything else.
    """
    share = _number(given)
    if share is None or not 0 < share <= 1:
        raise InputError(
            f"{printable(str(given))!r} is no share of random pairs: write 1/1000 for pictures that are closer than "
            "one random pair in 1,000"
        )
    return share


def share_in_words(share: float) -> str:
    """Write a share of random pairs as "one random pair in 1,000", or as a percentage if it is no such fraction."""
    number = 1 / share
    if math.isclose(number, round(number), rel_tol=1e-9):
        return f"one random pair in {round(number):,}"
    return f"{100 * share:.4g} % of random pairs"


def _number(given: object) -> float | None:
    """Return the number that a share stands for, None if it is not one; NaN and infinity are returned unchanged."""
    if isinstance(given, Real) and not isinstance(given, bool):
        return float(given)
    text = str(given).strip()
    found = ONE_IN.fullmatch(text)
    try:
        if found is None:
            return float(text)
        part, whole = (float(number.replace(",", "")) for number in found.groups())
        return part / whole
    except (ValueError, ZeroDivisionError):
        return None


def weighted(text: str) -> tuple[float, str]:
    """Parse WEIGHT:NAME; return the weight, 1 if there is none, and the name.

    A file that is literally named like this has no weight. Raises InputError for a weight out of range.
    """
    found = WEIGHT.fullmatch(text)
    if found is None or os.path.lexists(text):
        return 1.0, text
    weight = float(found[1])
    check_weights([weight], [found[2]])
    return weight, found[2]


def check_weights(weights: Sequence[float], names: Sequence[object]) -> None:
    """Raise InputError unless there is a weight above 0 and at most WEIGHT_AT_MOST for each name."""
    if len(weights) != len(names):
        raise InputError(f"{len(weights)} weights for {len(names)} pictures: give one for each")
    for weight, name in zip(weights, names, strict=True):
        if not 0 < weight <= WEIGHT_AT_MOST:
            raise InputError(
                f"the weight of {printable(str(name))} is {weight:g}: it must be above 0 and at most "
                f"{WEIGHT_AT_MOST:,}; `minus` subtracts a picture"
            )


def part_of(given: str | Iterable[float]) -> Part:
    """Parse the part of a picture, "x,y,w,h" or four numbers; return it.

    Shares of the picture if no number is above 1, otherwise whole pixels. Raises InputError for anything else.
    """
    wanted = given.split(",") if isinstance(given, str) else list(given)
    try:
        x, y, width, height = map(float, wanted)
    except (TypeError, ValueError):
        raise _no_part(given) from None
    part = Part(x, y, width, height)
    is_whole = part.is_share or all(number.is_integer() for number in part if math.isfinite(number))
    is_inside = not part.is_share or (x + width <= 1 + 1e-9 and y + height <= 1 + 1e-9)
    if not (all(map(math.isfinite, part)) and min(x, y) >= 0 and min(width, height) > 0 and is_whole and is_inside):
        raise _no_part(given)
    return part


def parts_of(given: Any, count: int) -> tuple[Part | None, ...]:
    """Return the part of each of `count` pictures: the same for all if one is given, None for a whole picture.

    given: what `part_of` takes, or several of these, or Nones. Raises InputError for another number of parts.
    """
    parts = [given] if isinstance(given, str) or all(isinstance(number, Real) for number in given) else list(given)
    cut = [None if part is None else part_of(part) for part in parts]
    if len(cut) not in (1, count) or not count:
        raise InputError(f"{len(cut)} parts for {count} pictures to cut: give one for all of them, or one for each")
    return tuple(cut if len(cut) == count else cut * count)


def _no_part(given: object) -> InputError:
    return InputError(f"{printable(str(given))!r} is no part of a picture: {SHAPE_OF_PART}")


class Change(NamedTuple):
    """A label to set in a query, and the value, 0 or 1, that results should have."""

    label: str
    value: int

    @classmethod
    def parse(cls, text: str) -> Change:
        """Parse NAME=0 or NAME=1. Raises InputError for anything else."""
        found = CHANGE.fullmatch(text)
        if found is None:
            raise InputError(f"{printable(text)!r} does not set a label: write NAME=1 or NAME=0, as in Eyeglasses=1")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.label}={self.value}"
