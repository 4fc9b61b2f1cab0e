"""Clamps and checks numbers from outside (file systems, clocks, options, labels, Parquet files) so that they fit.

SQLite, numpy and Parquet store 64-bit integers, and times in nanoseconds since 1970, which covers the years 1677 to
2262. Stored numbers are clamped to that range. Numbers that are only compared with stored ones are not, so that a
search for files later than the year 2400 does not match clamped times.
"""

from __future__ import annotations

import math
import os
import time

LEAST, GREATEST = -(2**63), 2**63 - 1
NANOSECONDS = 1_000_000_000
# The latest time, in whole seconds since 1970, that fits into 64 bits as nanoseconds.
SECONDS_AT_MOST = GREATEST // NANOSECONDS

# The id of the first image in an index.
FIRST_ID = 1


def clamp(number: int) -> int:
    """Return the nearest 64-bit integer."""
    return min(max(number, LEAST), GREATEST)


def can_be_kept(number: int | float) -> bool:
    """Return whether SQLite can store a number exactly: a finite float or a 64-bit integer."""
    return math.isfinite(number) if isinstance(number, float) else LEAST <= number <= GREATEST


def clamp_seconds(seconds: float) -> float:
    """Clamp a time in seconds since 1970 to what fits into 64 bits as nanoseconds; NaN becomes 0."""
    return 0.0 if math.isnan(seconds) else min(max(seconds, -SECONDS_AT_MOST), SECONDS_AT_MOST)


def size_and_mtime(status: os.stat_result) -> tuple[int, int]:
    """Return a file's size in bytes and modification time in nanoseconds since 1970, clamped for the catalogue."""
    return clamp(status.st_size), clamp(status.st_mtime_ns)


def comparable(number: int | float) -> int | float:
    """Return the number in a form that SQLite compares correctly with stored ones, however large it is."""
    if isinstance(number, float) or LEAST <= number <= GREATEST:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def whole_number(text: str) -> int:
    """Parse a 64-bit integer. Raises ValueError for any other text."""
    number = int(text)
    if not can_be_kept(number):
        raise ValueError(f"{text} is beyond 64 bits")
    return number


def local_time(seconds: float) -> str:
    """Format a time in seconds since 1970 as local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(clamp_seconds(seconds)))
