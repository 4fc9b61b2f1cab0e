"""Dates and times: parsed as cameras and XMP write them, compared with periods such as 2024-05, and shown in ISO 8601.

The time a picture was taken is the time by the clock at that place. It is stored as seconds since 1970 as if that clock
showed UTC, so that it compares, sorts and prints in the same way on every machine.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# Exif writes 2024:05:01 12:30:05, XMP 2024-05-01T12:30:05.25+02:00 or only a part of it; devices vary the separators.
WRITTEN = re.compile(
    r"(\d{4})(?:[:\-/. ](\d\d?)(?:[:\-/. ](\d\d?)"
    r"(?:[ T]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
PERIOD = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?)?)?", re.ASCII)
EPOCH = datetime(1970, 1, 1)
# The greatest offset from UTC in use is 14 hours; devices with a broken clock state more.
MOST_MINUTES = 14 * 60


class Moment(NamedTuple):
    """A time by the clock of a place: seconds since 1970 without a time zone, and minutes from UTC, None if unknown."""

    seconds: int | float
    offset: int | None


def parse_moment(text: str, fraction: str = "", offset: str = "") -> Moment | None:
    """Parse a date and time from metadata; None if it is not one, as in the blank dates of cameras without a clock.

    A missing month, day or time counts as the earliest. fraction, offset: digits after the second, and an offset such
    as +02:00, if they are stored apart; ignored if they are invalid or `text` has its own.
    """
    found = WRITTEN.fullmatch(text.strip(" \0\t\r\n"))
    if found is None:
        return None
    year, month, day, hour, minute, second, own_fraction, own_offset = found.groups()
    try:
        moment = datetime(int(year), int(month or 1), int(day or 1))
        # Some devices write midnight as 24:00, and a leap second as :60.
        length = timedelta(hours=_below(hour, 25), minutes=_below(minute, 60), seconds=_below(second, 61))
        seconds = seconds_of(moment + length)
    except (ValueError, OverflowError):
        return None
    digits = (own_fraction or fraction).strip(" \0")
    part = float(f"0.{digits[:9]}") if digits.isascii() and digits.isdigit() else 0.0
    return Moment(seconds + part if part else seconds, _minutes(own_offset or offset))


def _below(text: str | None, limit: int) -> int:
    number = int(text or 0)
    if number >= limit:
        raise ValueError(f"{number} is not below {limit}")
    return number


def _minutes(text: str) -> int | None:
    """Parse an offset such as +02:00, -0330 or Z, in minutes; None if it is invalid."""
    text = text.strip(" \0")
    if text == "Z":
        return 0
    found = OFFSET.fullmatch(text)
    if found is None or int(found[3]) > 59:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return None if minutes > MOST_MINUTES else -minutes if found[1] == "-" else minutes


def seconds_of(moment: datetime) -> int:
    """Return the whole seconds from 1970 to a time, by the same clock."""
    return int((moment - EPOCH) // timedelta(seconds=1))


# The years 1 to 9999.
SECONDS = (seconds_of(datetime.min), seconds_of(datetime.max))


def iso_of(seconds: float, offset: int | None = None) -> str:
    """Write a time in ISO 8601, with milliseconds if it has a fraction, and with its offset, in minutes, if given.

    Times outside the years 1 to 9999 are written as the nearest of these.
    """
    moment = EPOCH + timedelta(milliseconds=round(1000 * min(max(seconds, SECONDS[0]), SECONDS[1])))
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    if offset is None:
        return text
    hours, minutes = divmod(abs(offset), 60)
    return f"{text}{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"


def period_of(text: str) -> tuple[datetime, datetime]:
    """Return the start of a period and of the next one: a year, month, day, minute or second, as in 2024-05.

    At the end of the calendar, the next one starts at its last moment. Raises ValueError for any other text.
    """
    found = PERIOD.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date")
    year, month, day, hour, minute, second = found.groups()
    start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    try:
        return start, _next(start, found)
    except (ValueError, OverflowError):
        return start, datetime.max


def _next(start: datetime, found: re.Match[str]) -> datetime:
    if found[2] is None:
        return start.replace(year=start.year + 1)
    if found[3] is None:
        year, month = divmod(start.year * 12 + start.month, 12)
        return start.replace(year=year, month=month + 1)
    return start + timedelta(**{"seconds" if found[6] else "minutes" if found[4] else "days": 1})


def local_seconds(moment: datetime) -> int:
    """Return seconds since 1970 by local time; by UTC at the ends of the calendar, where local time can fail."""
    try:
        return int(moment.timestamp())
    except (ValueError, OverflowError, OSError):
        return int(moment.replace(tzinfo=UTC).timestamp())
