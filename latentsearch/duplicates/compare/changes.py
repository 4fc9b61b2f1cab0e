"""Names for the changes between two copies and for what a copy may lack, and the relation of two copies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

STILL, ONE_PAGE, SHORTENED = "still of an animation", "one page of a document", "shortened"
FLATTENED, GREYED, RECOLOURED, FEWER_COLOURS = "flattened", "greyed", "recoloured", "fewer colours"
CROPPED, TURNED, MIRRORED, BRIGHTENED = "cropped", "turned", "mirrored", "brightened"

# All changes, from the greatest loss to the least. A copy's kind is the first of its changes in this order.
CHANGES = (
    STILL,
    ONE_PAGE,
    SHORTENED,
    FLATTENED,
    GREYED,
    FEWER_COLOURS,
    RECOLOURED,
    CROPPED,
    TURNED,
    MIRRORED,
    BRIGHTENED,
)


# What one copy may have and the other lack, from the greatest loss to the least.
FRAMES, PAGES, AREA, ALPHA, COLOUR, COLOURS, DEPTH, PIXELS, QUALITY, DATE, CAMERA = (
    "frames",
    "pages",
    "area",
    "alpha",
    "colour",
    "colours",
    "bit depth",
    "pixels",
    "quality",
    "date",
    "camera",
)


PARTS = (FRAMES, PAGES, AREA, ALPHA, COLOUR, COLOURS, DEPTH, PIXELS, QUALITY, DATE, CAMERA)


def in_order(words: Iterable[str], order: tuple[str, ...]) -> tuple[str, ...]:
    """Sort words into the given order and drop repetitions."""
    return tuple(word for word in order if word in set(words))


@dataclass(frozen=True)
class Relation:
    """The differences between two copies, a first and a second.

    changes: their differences beside size and encoding, from CHANGES, in that order.
    degrees: the clockwise turn that takes the first to the second. first_lacks, second_lacks: what only the other has,
    from PARTS, in that order. likeness: the correlation of their details, at most 1.
    """

    changes: tuple[str, ...] = ()
    degrees: int = 0
    first_lacks: tuple[str, ...] = ()
    second_lacks: tuple[str, ...] = ()
    likeness: float = 1.0

    def swapped(self) -> Relation:
        """Exchange the first and the second."""
        degrees = self.degrees if MIRRORED in self.changes else -self.degrees % 360
        return Relation(self.changes, degrees, self.second_lacks, self.first_lacks, self.likeness)

    @property
    def first_is_better(self) -> bool:
        """Whether the first has lost nothing and the second has."""
        return bool(self.second_lacks) and not self.first_lacks
