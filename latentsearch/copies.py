"""What a search for duplicates gives: plain data between the search and its forms."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.image_rows import ImageRecord

BEST, EXACT, SAME, NEAR = "best", "exact", "same", "near"


@dataclass(frozen=True)
class Copy:
    """A picture of a group of copies.

    kind: "best", or what it is to the best: "exact" has the same bytes, "same" is re-encoded or resized, "near" is
    altered. changes: how it was altered, of "mirrored", "cropped" and "brightness". likeness: of its details to those
    of the best, at most 1.
    """

    image: ImageRecord
    kind: str
    changes: tuple[str, ...] = ()
    likeness: float = 1.0


@dataclass(frozen=True)
class LeftOut:
    """An image that was not compared with others, by the path of its file, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Duplicates:
    """Groups, each a picture and its copies, the best first, and images that could not be compared.

    Raises ValueError, when it is made, for a group of one, for one that does not have its best in front, and for a
    picture that stands twice.
    """

    index: str
    groups: tuple[tuple[Copy, ...], ...]
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what nobody may delete by."""
        ids = [copy.image.id for group in self.groups for copy in group]
        if len(set(ids)) != len(ids):
            raise ValueError("a picture stands twice among the groups")
        for group in self.groups:
            if len(group) < 2 or [copy.kind == BEST for copy in group] != [True, *[False] * (len(group) - 1)]:
                raise ValueError("a group does not have its best picture in front of others")

    @property
    def spare(self) -> list[Copy]:
        """Every picture but the best of each group."""
        return [copy for group in self.groups for copy in group[1:]]


def goodness(record: ImageRecord) -> tuple[int, int, int, str]:
    """What copies are sorted by, the best first: most pixels, then most bytes, then the oldest, then the path."""
    return -record.width * record.height, -record.size, record.mtime_ns, record.path
