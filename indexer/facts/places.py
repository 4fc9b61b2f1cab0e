"""Places on the Earth: coordinates from metadata, and circles such as 48.2,16.3,5km."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KILOMETRES = {"km": 1.0, "m": 0.001, "mi": 1.609344}
NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*"
CIRCLE = re.compile(rf"{NUMBER},{NUMBER},{NUMBER}(km|m|mi)\s*", re.ASCII | re.IGNORECASE)
# Mean radius of the Earth (IUGG), and the length of a degree of latitude on that sphere, in kilometres.
RADIUS = 6371.0088
DEGREE = math.pi * RADIUS / 180
# Added to the sides of a circle's box, in degrees, so that rounding excludes nothing.
SPARE = 1e-9

Degrees = NDArray[np.float64]


class Circle(NamedTuple):
    """The places within `kilometres` of a centre, given in degrees."""

    latitude: float
    longitude: float
    kilometres: float

    @classmethod
    def parse(cls, text: str) -> Circle:
        """Parse LATITUDE,LONGITUDE,RADIUS with a unit of km, m or mi. Raises ValueError for anything else."""
        found = CIRCLE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a circle")
        latitude, longitude, radius = (float(number) for number in found.groups()[:3])
        if abs(latitude) > 90 or abs(longitude) > 180 or not 0 <= radius < math.inf:
            raise ValueError(f"{text!r} is not on the Earth")
        return cls(latitude, longitude, radius * KILOMETRES[found[4].lower()])

    def latitudes(self) -> tuple[float, float]:
        """Return the least and greatest latitude of the circle; beyond ±90 if it holds a pole."""
        half = self.kilometres / DEGREE + SPARE
        return self.latitude - half, self.latitude + half

    def longitudes(self) -> tuple[float, float] | None:
        """Return the least and greatest longitude; None if the circle holds a pole or crosses the 180th meridian."""
        south, north = self.latitudes()
        if south <= -90 or north >= 90:
            return None
        share = math.sin(self.kilometres / RADIUS) / math.cos(math.radians(self.latitude))
        half = math.degrees(math.asin(min(share, 1.0)))
        west, east = self.longitude - half - SPARE, self.longitude + half + SPARE
        return None if west < -180 or east > 180 else (west, east)

    def holds(self, latitudes: Degrees, longitudes: Degrees) -> NDArray[np.bool_]:
        """Return which places, float64 (n,) each in degrees, lie in the circle: bool (n,)."""
        return distances(self.latitude, self.longitude, latitudes, longitudes) <= self.kilometres


def distances(latitude: float, longitude: float, latitudes: Degrees, longitudes: Degrees) -> Degrees:
    """Return the kilometres from a place to others, float64 (n,), on a sphere, by the haversine formula."""
    north, norths = np.radians(latitude), np.radians(latitudes)
    across = np.radians(longitudes - longitude)
    half_chords = np.sin((norths - north) / 2) ** 2 + np.cos(north) * np.cos(norths) * np.sin(across / 2) ** 2
    return np.asarray(2 * RADIUS * np.arcsin(np.sqrt(np.clip(half_chords, 0, 1))))


def coordinate(parts: tuple[float, ...], hemisphere: str, most: float) -> float | None:
    """Return degrees from degrees, minutes and seconds and one of N, S, E and W; None if that is no place.

    most: the greatest degrees, 90 or 180.
    """
    degrees = sum(part / unit for part, unit in zip(parts, (1.0, 60.0, 3600.0), strict=False))
    letter = hemisphere.strip(" \0").upper()[:1]
    if letter not in (("N", "S") if most == 90 else ("E", "W")) or not 0 <= degrees <= most:
        return None
    return round(-degrees if letter in "SW" else degrees, 8)
