"""Dates as cameras write them, and the periods that conditions name."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.facts.moments import Moment, iso_of, parse_moment, period_of, seconds_of

MAY = seconds_of(datetime(2024, 5, 1, 12, 30, 5))
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024:05:01 12:30:05", Moment(MAY, None)),
        ("2024:05:01 12:30:05\0", Moment(MAY, None)),
        ("2024-05-01 12:30:05", Moment(MAY, None)),
        ("2024/05/01 12:30:05", Moment(MAY, None)),
        ("2024-05-01T12:30:05Z", Moment(MAY, 0)),
        ("2024-05-01T12:30:05+02:00", Moment(MAY, 120)),
        ("2024:05:01 12:30:05-0330", Moment(MAY, -210)),
        ("2024-05-01T12:30:05.25-07:00", Moment(MAY + 0.25, -420)),
        ("2024-05-01T12:30", Moment(MAY - 5, None)),
        ("2024:5:1 9:05:00", Moment(seconds_of(datetime(2024, 5, 1, 9, 5)), None)),
        ("2024-05-01", Moment(seconds_of(datetime(2024, 5, 1)), None)),
        ("2024-05", Moment(seconds_of(datetime(2024, 5, 1)), None)),
        ("2024", Moment(seconds_of(datetime(2024, 1, 1)), None)),
        ("2024:05:01 24:00:00", Moment(seconds_of(datetime(2024, 5, 2)), None)),
        ("2016:12:31 23:59:60", Moment(seconds_of(datetime(2017, 1, 1)), None)),
        ("2024:05:01 12:30:05+99:00", Moment(MAY, None)),
        ("2024:05:01 12:30:05+01:75", Moment(MAY, None)),
    ],
)
def test_what_cameras_and_editors_write(text: str, expected: Moment) -> None:
    assert parse_moment(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00", "2024:02:30 00:00:00", "yesterday",
     "2024:05:01 25:00:00", "2024:05:01 12:60:00", "2024:05:01 12:30:61", "9999:12:31 24:00:00", "٢٠٢٤:05:01",
     "20240501"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert parse_moment(text) is None


def test_fractions_and_offsets_stored_apart() -> None:
    assert parse_moment("2024:05:01 12:30:05", "250", "+09:00") == (MAY + 0.25, 540)
    assert parse_moment("2024:05:01 12:30:05", "", "   :  ") == (MAY, None)
    assert parse_moment("2024:05:01 12:30:05", "x1", "Z") == (MAY, 0)
    assert parse_moment("2024-05-01T12:30:05.5+01:00", "25", "+09:00") == (MAY + 0.5, 60)


@given(MOMENTS, st.one_of(st.none(), st.integers(-14 * 60, 14 * 60)))
def test_a_time_survives_exif_and_iso(moment: datetime, offset: int | None) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    exif = f"{moment.year:04}:{moment:%m:%d %H:%M:%S}"
    zone = "" if offset is None else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    parsed = parse_moment(exif, f"{moment.microsecond // 1000:03}", zone)
    assert parsed is not None and parsed.offset == offset
    shown = iso_of(parsed.seconds, parsed.offset)
    assert parse_moment(shown) == parsed
    zoned = moment if offset is None else moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert datetime.fromisoformat(shown) == zoned


@given(st.text(max_size=40), st.text(max_size=5), st.text(max_size=8))
def test_any_text_is_a_date_or_none(text: str, fraction: str, offset: str) -> None:
    parsed = parse_moment(text, fraction, offset)
    assert parsed is None or datetime.fromisoformat(iso_of(*parsed)).year >= 1


@given(st.floats(allow_nan=False))
def test_any_number_of_seconds_can_be_shown(seconds: float) -> None:
    assert 1 <= datetime.fromisoformat(iso_of(seconds)).year <= 9999


@given(MOMENTS, st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]))
def test_a_period_holds_what_it_names_and_no_more(moment: datetime, pattern: str) -> None:
    name = f"{moment.year:04}" + moment.strftime(pattern.removeprefix("%Y"))
    start, end = period_of(name)
    assert start <= moment and (moment < end or end == datetime.max)
    for inside in (start, end - timedelta(seconds=1)):
        assert f"{inside.year:04}" + inside.strftime(pattern.removeprefix("%Y")) == name or end == datetime.max
    assert end == datetime.max or f"{end.year:04}" + end.strftime(pattern.removeprefix("%Y")) != name


@pytest.mark.parametrize(
    "text", ["", "24", "2024-", "2024-13", "2024-02-30", "2024-05-01 12", "2024-05-01 24:00", "0000"]
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError):
        period_of(text)
