"""Numbers from outside (file systems, clocks, options, labels, conditions, Parquet files) -> numbers that can be kept.

SQLite, numpy and Parquet keep whole numbers of 64 bits, and times as nanoseconds since 1970: 1677 to 2262. A number
that is kept is clamped to that range; one that is only compared with kept ones is not, so that nothing is later than
the year 2400 because something was clamped.
"""

from __future__ import annotations

import math
import os
import time

LEAST, GREATEST = -(2**63), 2**63 - 1
NANOSECONDS = 1_000_000_000
# Whole seconds since 1970 whose nanoseconds can be kept.
SECONDS_AT_MOST = GREATEST // NANOSECONDS

# The id of the first image that an index gets.
FIRST_ID = 1


def clamp(number: int) -> int:
    """The number, or the nearest one of 64 bits."""
    return min(max(number, LEAST), GREATEST)


def can_be_kept(number: int | float) -> bool:
    """Whether SQLite can hold a number as it is: finite, and of 64 bits where it is whole."""
    return math.isfinite(number) if isinstance(number, float) else LEAST <= number <= GREATEST


def clamp_seconds(seconds: float) -> float:
    """A time in seconds since 1970, or the nearest one whose nanoseconds can be kept; 0 for NaN."""
    return 0.0 if math.isnan(seconds) else min(max(seconds, -SECONDS_AT_MOST), SECONDS_AT_MOST)


def size_and_mtime(status: os.stat_result) -> tuple[int, int]:
    """A file's size in bytes and its time of change in nanoseconds since 1970, as the catalogue keeps them."""
    return clamp(status.st_size), clamp(status.st_mtime_ns)


def comparable(number: int | float) -> int | float:
    """The number as SQLite compares it with those that it keeps: exactly, however large it is."""
    if isinstance(number, float) or LEAST <= number <= GREATEST:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def whole_number(text: str) -> int:
    """Read a whole number that is to be kept. Raises ValueError for anything else."""
    number = int(text)
    if not can_be_kept(number):
        raise ValueError(f"{text} is beyond 64 bits")
    return number


def local_time(seconds: float) -> str:
    """A time in seconds since 1970 for people, to the minute, as the clocks here show it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(clamp_seconds(seconds)))
