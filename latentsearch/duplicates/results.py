"""Results of a search for duplicates: plain data between the search and its output formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latentsearch.duplicates.compare.changes import (
    CHANGES,
    Relation,
)

if TYPE_CHECKING:
    from indexer.catalog.images import ImageRecord

BEST, EXACT, SAME = "best", "exact", "same"
KINDS = (EXACT, SAME, *CHANGES)


@dataclass(frozen=True)
class Tie:
    """The relation of a copy to another picture.

    kind: EXACT for the same bytes; SAME if re-encoded or resized with no loss but quality; else the first change.
    changes: from CHANGES. degrees: the clockwise turn of the copy. lost: what the other has and the copy lacks.
    gained: what the copy has and the other lacks; deleting the copy would lose it. likeness: at most 1.
    """

    kind: str
    changes: tuple[str, ...] = ()
    degrees: int = 0
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    likeness: float = 1.0

    @classmethod
    def of(cls, relation: Relation) -> Tie:
        """Make the tie of the second of two copies to the first."""
        kind = relation.changes[0] if relation.changes else SAME
        return cls(
            kind,
            relation.changes,
            relation.degrees,
            relation.second_lacks,
            relation.first_lacks,
            relation.likeness,
        )

    def may_go(self, kinds: Iterable[str]) -> bool:
        """Whether the copy may be deleted for the other: it gained nothing, and each change is EXACT, SAME or named."""
        return not self.gained and set(self.changes or (self.kind,)) <= {EXACT, SAME, *kinds}


@dataclass(frozen=True)
class Copy:
    """A picture in a group of copies.

    to_best: its tie to the best of the group, None for the best itself.
    twin: the id of an earlier member, not the best, of which it is an exact or same copy. Of two equal grey copies of a
    coloured picture, for example, the second is a twin of the first and may be deleted. to_twin: its tie to the twin.
    """

    image: ImageRecord
    to_best: Tie | None = None
    twin: int | None = None
    to_twin: Tie | None = None

    @property
    def kind(self) -> str:
        """BEST, or the kind of `tie`."""
        return self.tie.kind if self.tie else BEST

    @property
    def tie(self) -> Tie | None:
        """The tie to the twin if there is one, else to the best; None for the best itself."""
        return self.to_twin or self.to_best

    @property
    def changes(self) -> tuple[str, ...]:
        """The changes of `tie`, beside size and encoding; none for the best itself."""
        return self.tie.changes if self.tie else ()

    @property
    def likeness(self) -> float:
        """The likeness of details to the twin or the best, at most 1."""
        return self.tie.likeness if self.tie else 1.0


@dataclass(frozen=True)
class LeftOut:
    """An image that was not compared, by the path of its file, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class Duplicates:
    """Groups of copies, the best of each first, and the images that could not be compared.

    Raises ValueError for a group of one, a group that does not begin with its best, a picture that occurs twice, and a
    twin that does not come earlier in its group.
    """

    index: str
    groups: tuple[tuple[Copy, ...], ...]
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for groups that would be unsafe to delete by."""
        ids = [copy.image.id for group in self.groups for copy in group]
        if len(set(ids)) != len(ids):
            raise ValueError("a picture occurs twice among the groups")
        for group in self.groups:
            if len(group) < 2 or [copy.to_best is None for copy in group] != [True, *[False] * (len(group) - 1)]:
                raise ValueError("a group does not begin with its best picture, followed by copies")
            before: set[int] = set()
            for copy in group:
                if copy.twin is not None and copy.twin not in before:
                    raise ValueError("a picture's twin does not come before it in its group")
                before.add(copy.image.id)

    @property
    def spare(self) -> list[Copy]:
        """Every picture but the best of each group."""
        return [copy for group in self.groups for copy in group[1:]]


def age(record: ImageRecord) -> tuple[int, str]:
    """Return the sort key of files with the same bytes, least for the best: the oldest, then the first by path."""
    return record.mtime_ns, record.path
