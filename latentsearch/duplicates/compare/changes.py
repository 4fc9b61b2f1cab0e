"""What may tell two copies apart: the words for changes, for what one of them lacks, and the relation of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


STILL, ONE_PAGE, SHORTENED = "still of an animation", "one page of a document", "shortened"


FLATTENED, GREYED, RECOLOURED, FEWER_COLOURS = "flattened", "greyed", "recoloured", "fewer colours"


CROPPED, TURNED, MIRRORED, BRIGHTENED = "cropped", "turned", "mirrored", "brightened"


# From the change that loses most to the one that loses least; the first that a copy has names its kind.
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


# What one of two copies may have and the other not, in the order of what weighs most.
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
    """Words without repetition, in a given order."""
    return tuple(word for word in order if word in set(words))


@dataclass(frozen=True)
class Relation:
    """What two copies, the first and the second, are to one another.

    changes: what tells them apart beside size and encoding, of CHANGES, in that order. degrees: by how much one is
    turned, clockwise, to become the other; from the first to the second. first_lacks, second_lacks: what only the
    other has, of PARTS. likeness: of their details, at most 1.
    """

    changes: tuple[str, ...] = ()
    degrees: int = 0
    first_lacks: tuple[str, ...] = ()
    second_lacks: tuple[str, ...] = ()
    likeness: float = 1.0

    def swapped(self) -> Relation:
        """The same with the first and the second exchanged."""
        degrees = self.degrees if MIRRORED in self.changes else -self.degrees % 360
        return Relation(self.changes, degrees, self.second_lacks, self.first_lacks, self.likeness)

    @property
    def first_is_better(self) -> bool:
        """Whether the first has lost nothing and the second has."""
        return bool(self.second_lacks) and not self.first_lacks
