"""Conditions on facts of pictures: SQL finds what a plain evaluation in Python finds."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.filters import matching_ids
from indexer.catalog.images import ImageRecord
from indexer.catalog.schema import FACT_NAMES
from indexer.errors import DamagedIndex
from indexer.facts.facts import Facts
from indexer.facts.moments import seconds_of
from indexer.facts.places import Circle

METADATA = IndexMetadata("0" * 32, "tiny", "ab" * 32, "/bundles/tiny", {"width": 64}, "cosine", 16)
ORDERS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
DAYS = st.datetimes(datetime(2023, 12, 1), datetime(2024, 1, 3)).map(seconds_of)
# Close together, and on both sides of the 180th meridian and at the poles.
DEGREES = st.sampled_from([-180.0, -179.9, -90.0, -89.9, -0.1, 0.0, 0.1, 16.3, 48.2, 89.9, 90.0, 179.9, 180.0])
FACTS = st.builds(
    lambda taken, camera, place, orientation: Facts(
        taken, None, camera, None, *(place or (None, None)), orientation
    ).possible(),
    st.none() | DAYS | st.integers(-(10**11), 10**11).map(lambda number: number / 8),
    st.none() | st.sampled_from(["Canon", "Canon EOS", "iPhone", "7", "*"]),
    st.none() | st.tuples(DEGREES.map(lambda degrees: max(-90.0, min(90.0, degrees))), DEGREES),
    st.none() | st.integers(1, 8),
)


@contextmanager
def catalog_of(folder: Path, facts: list[Facts]) -> Iterator[Catalog]:
    for file in folder.glob("catalog.sqlite*"):
        file.unlink()
    catalog = Catalog.write(folder / "catalog.sqlite", METADATA)
    catalog.images.add(ImageRecord(n, f"/p/{n}.jpg", 1, 2, b"d", 3, 4, n, 5.0) for n in range(1, len(facts) + 1))
    catalog.facts.add(enumerate(facts, 1))
    try:
        yield catalog
    finally:
        catalog.close()


def in_period(sign: str, taken: float, start: float, end: float) -> bool:
    later = {"<": taken < start, "<=": taken < end, ">": taken >= end, ">=": taken >= start}
    is_within = start <= taken < end
    return {"=": is_within, "!=": not is_within, **later}[sign]


def test_the_catalogue_numbers_facts_as_the_fields_are_listed() -> None:
    assert Facts._fields == FACT_NAMES


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, max_size=8), st.integers(1, 31), st.sampled_from(list(ORDERS)))
def test_days(tmp_path_factory: pytest.TempPathFactory, facts: list[Facts], day: int, sign: str) -> None:
    start = seconds_of(datetime(2023, 12, day))
    expected = [
        n
        for n, one in enumerate(facts, 1)
        if one.taken is not None and in_period(sign, one.taken, start, start + 86_400)
    ]
    with catalog_of(tmp_path_factory.mktemp("days"), facts) as catalog:
        assert matching_ids(catalog, [f"taken{sign}2023-12-{day}"]).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(FACTS, max_size=8), st.tuples(DEGREES, DEGREES), st.sampled_from([0.0, 5.0, 12.0, 400.0, 9000.0, 30_000.0])
)
def test_circles(
    tmp_path_factory: pytest.TempPathFactory, facts: list[Facts], centre: tuple[float, float], radius: float
) -> None:
    circle = Circle(max(-90.0, min(90.0, centre[0])), centre[1], radius)
    is_within: dict[int, bool] = {
        n: bool(circle.holds(np.array([one.latitude]), np.array([one.longitude]))[0])
        for n, one in enumerate(facts, 1)
        if one.latitude is not None and one.longitude is not None
    }
    with catalog_of(tmp_path_factory.mktemp("circles"), facts) as catalog:
        for sign, wanted in (("=", True), ("!=", False)):
            found = matching_ids(catalog, [f"near{sign}{circle.latitude},{circle.longitude},{radius}km"])
            assert found.dtype == np.int64
            assert found.tolist() == [n for n, within in is_within.items() if within is wanted]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(FACTS, max_size=8),
    st.sampled_from(["Canon", "7", "Canon*", "[iC]*"]),
    st.sampled_from([*ORDERS, "~", "!~"]),
)
def test_texts(tmp_path_factory: pytest.TempPathFactory, facts: list[Facts], text: str, sign: str) -> None:
    def holds(camera: str) -> bool:
        return fnmatchcase(camera, text) is (sign == "~") if "~" in sign else bool(ORDERS[sign](camera, text))

    expected = [n for n, one in enumerate(facts, 1) if one.camera is not None and holds(one.camera)]
    with catalog_of(tmp_path_factory.mktemp("texts"), facts) as catalog:
        assert matching_ids(catalog, [f'camera{sign}"{text}"']).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, max_size=8))
def test_facts_are_kept_as_they_are(tmp_path_factory: pytest.TempPathFactory, facts: list[Facts]) -> None:
    with catalog_of(tmp_path_factory.mktemp("kept"), facts) as catalog:
        found = catalog.facts.of_ids(range(1, len(facts) + 1))
        assert found == {n: one for n, one in enumerate(facts, 1) if one != Facts()}
        catalog.facts.copy([(100, 1)])
        assert catalog.facts.of_ids([100]).get(100) == found.get(1)
        catalog.images.remove(range(1, len(facts) + 1))
        assert catalog.facts.of_ids(range(1, len(facts) + 1)) == {}


def test_a_damaged_fact_is_told(tmp_path: Path) -> None:
    with catalog_of(tmp_path, [Facts(camera="X100")]) as catalog:
        catalog._connection.exec_driver_sql("UPDATE fact SET value = 7")
        with pytest.raises(DamagedIndex, match="camera is 7"):
            catalog.facts.of_ids([1])
