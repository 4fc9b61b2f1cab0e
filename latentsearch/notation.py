"""Parse what people write in a query: cut-offs such as 1/1000."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from numbers import Real

from indexer.errors import InputError
from indexer.paths import printable

# 1/1000, 1/1,000 and 1 in 1,000.
ONE_IN = re.compile(r"([\d,]+(?:\.\d+)?)\s*(?:/|in)\s*([\d,]+(?:\.\d+)?)")


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
