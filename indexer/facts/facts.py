"""The facts that an index stores of a picture, and how they are shown."""

from __future__ import annotations

from typing import NamedTuple

from indexer.facts.moments import MOST_MINUTES, SECONDS, iso_of

FactValue = int | float | str
# Facts as a plain tuple, which is unpickled without importing this module.
PlainFacts = tuple[FactValue | None, ...]
TEXTS = ("camera", "lens")


class Facts(NamedTuple):
    """The facts of a picture; None for those that its file does not state.

    taken: when the picture was taken by the clock there, as seconds since 1970 without a time zone. offset: that
    clock's offset from UTC, in minutes. camera: make and model. latitude, longitude: in degrees, north and east
    positive. orientation: Exif's, 1 to 8. The catalogue numbers the fields from 1, in this order: append only.
    """

    taken: int | float | None = None
    offset: int | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    orientation: int | None = None

    @classmethod
    def of(cls, plain: PlainFacts | tuple[()]) -> Facts:
        """Return the facts in a plain tuple, as far as it goes. Raises ValueError as `checked`."""
        facts: Facts = cls(**dict(zip(cls._fields, plain, strict=False)))  # type: ignore[arg-type]
        return facts.checked()

    def shown(self) -> dict[str, FactValue]:
        """Return the stated facts as users see them, by name: `taken` in ISO 8601, with its offset if known."""
        found = {name: value for name, value in self._asdict().items() if value is not None and name != "offset"}
        if self.taken is not None:
            found["taken"] = iso_of(self.taken, self.offset)
        return found

    def possible(self) -> Facts:
        """Return the facts without values that no picture has, for facts from other programs."""
        facts = self
        if facts.taken is None or not SECONDS[0] <= facts.taken <= SECONDS[1]:
            facts = facts._replace(taken=None, offset=None)
        if facts.offset is not None and abs(facts.offset) > MOST_MINUTES:
            facts = facts._replace(offset=None)
        latitude, longitude = facts.latitude, facts.longitude
        if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
            facts = facts._replace(latitude=None, longitude=None)
        if facts.orientation is not None and not 1 <= facts.orientation <= 8:
            facts = facts._replace(orientation=None)
        return facts._replace(camera=facts.camera or None, lens=facts.lens or None)

    def checked(self) -> Facts:
        """Return the facts. Raises ValueError for a value of another type than its field's, as in a damaged index."""
        for name, value in self._asdict().items():
            if value is not None and not isinstance(value, str if name in TEXTS else int | float):
                raise ValueError(f"{name} is {value!r}")
        return self
