"""Circles on the Earth, compared with angles between vectors, which is another formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from indexer.facts.places import RADIUS, Circle, coordinate, distances

LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)
PLACES = st.tuples(LATITUDES, LONGITUDES)


def vector(latitude: float, longitude: float) -> np.ndarray:
    north, east = math.radians(latitude), math.radians(longitude)
    return np.array([math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)])


def kilometres(first: tuple[float, float], second: tuple[float, float]) -> float:
    one, other = vector(*first), vector(*second)
    return RADIUS * math.atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other))


def within(circle: Circle, place: tuple[float, float]) -> bool:
    return bool(circle.holds(np.array([place[0]]), np.array([place[1]]))[0])


@given(PLACES, PLACES)
def test_distances_are_angles_between_vectors(first: tuple[float, float], second: tuple[float, float]) -> None:
    found = distances(*first, np.array([second[0]]), np.array([second[1]]))[0]
    assert found == pytest.approx(kilometres(first, second), abs=1e-3 if kilometres(first, second) < 19_900 else 1)


@given(PLACES, PLACES, st.floats(0, 21_000))
@example((89.9, 0.0), (89.9, 180.0), 30.0)
@example((0.0, 179.99), (0.0, -179.99), 5.0)
@example((-90.0, 12.0), (-89.9, -100.0), 20.0)
@example((60.0, 10.0), (60.0, 10.0), 0.0)
def test_the_box_of_a_circle_holds_all_of_it(
    centre: tuple[float, float], place: tuple[float, float], radius: float
) -> None:
    circle = Circle(*centre, radius)
    assume(within(circle, place))
    south, north = circle.latitudes()
    assert south <= place[0] <= north
    sides = circle.longitudes()
    assert sides is None or sides[0] <= place[1] <= sides[1]


@given(PLACES, st.floats(0, 360), st.floats(0.001, 5_000), st.floats(0.01, 0.99))
def test_places_at_the_edge_of_the_box(
    centre: tuple[float, float], bearing: float, radius: float, share: float
) -> None:
    """Places reached by travelling a share of the radius in any direction are within the circle and its box."""
    north, east, turned, angle = *map(math.radians, (*centre, bearing)), share * radius / RADIUS
    sine = math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(turned)
    latitude = math.asin(max(-1.0, min(1.0, sine)))
    across = math.atan2(
        math.sin(turned) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * math.sin(latitude)
    )
    place = (math.degrees(latitude), (math.degrees(east + across) + 540) % 360 - 180)
    circle = Circle(*centre, radius + 1e-6)
    assert within(circle, place)
    sides = circle.longitudes()
    assert sides is None or sides[0] <= place[1] <= sides[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("48.2,16.3,5km", (48.2, 16.3, 5)),
        (" 48.2 , -16.3 , 500 m ", (48.2, -16.3, 0.5)),
        ("-.5,+0,1.5MI", (-0.5, 0, 2.414016)),
        ("90,180,0km", (90, 180, 0)),
    ],
)
def test_circles(text: str, expected: tuple[float, float, float]) -> None:
    assert Circle.parse(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "48.2,16.3", "48.2,16.3,5", "91,0,1km", "0,181,1km", "0,0,-1km", "1e1,0,1km", "a,b,ckm", "0,0,1ly"]
)
def test_what_is_no_circle(text: str) -> None:
    with pytest.raises(ValueError):
        Circle.parse(text)


@given(LATITUDES.filter(lambda degrees: abs(degrees) < 89))
def test_degrees_minutes_and_seconds(degrees: float) -> None:
    minutes, seconds = divmod(abs(degrees) * 3600, 60)
    parts = (minutes // 60, minutes % 60, seconds)
    assert coordinate(parts, "S\0" if degrees < 0 else "N", 90) == pytest.approx(degrees, abs=1e-7)


@pytest.mark.parametrize("parts", [(91.0,), (-1.0, 0.0, 0.0), (math.nan, 0.0, 0.0), (math.inf,), (90.0, 1.0, 0.0)])
def test_what_is_no_coordinate(parts: tuple[float, ...]) -> None:
    assert coordinate(parts, "N", 90) is None
    assert coordinate((1.0,), "E", 90) is None and coordinate((1.0,), "", 90) is None
