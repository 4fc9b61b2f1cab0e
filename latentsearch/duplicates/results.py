"""What a search for duplicates gives: plain data between the search and its forms."""

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
    """What a copy is to another picture.

    kind: EXACT has the same bytes; SAME is re-encoded or resized and has lost nothing but quality; else the first of
    its changes. degrees: by how much the copy is turned, clockwise. lost: what the other has and the copy lacks.
    gained: what the copy has and the other lacks, and would be lost with it.
    """

    kind: str
    changes: tuple[str, ...] = ()
    degrees: int = 0
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    likeness: float = 1.0

    @classmethod
    def of(cls, relation: Relation) -> Tie:
        """What the second of two copies is to the first."""
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
        """Whether the copy may be deleted for the other: it has nothing of its own, and all that it is may go."""
        return not self.gained and set(self.changes or (self.kind,)) <= {EXACT, SAME, *kinds}


@dataclass(frozen=True)
class Copy:
    """A picture of a group of copies.

    to_best: what it is to the best of its group, None for the best itself. twin: the id of another member of which it
    is an exact or the same copy, while neither is one of the best: so of two equal grey copies of a coloured picture
    one may go. to_twin: what it is to that one.
    """

    image: ImageRecord
    to_best: Tie | None = None
    twin: int | None = None
    to_twin: Tie | None = None

    @property
    def kind(self) -> str:
        """BEST, or what it is to its twin, or to the best."""
        return self.tie.kind if self.tie else BEST

    @property
    def tie(self) -> Tie | None:
        """What it is to its twin, or else to the best."""
        return self.to_twin or self.to_best

    @property
    def changes(self) -> tuple[str, ...]:
        """What it was changed by, beside size and encoding."""
        return self.tie.changes if self.tie else ()

    @property
    def likeness(self) -> float:
        """How alike its details are, at most 1."""
        return self.tie.likeness if self.tie else 1.0


@dataclass(frozen=True)
class LeftOut:
    """An image that was not compared with others, by the path of its file, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Duplicates:
    """Groups, each a picture and its copies, the best first, and images that could not be compared.

    Raises ValueError, when it is made, for a group of one, for one that does not have its best in front, for a picture
    that stands twice, and for a twin that does not stand before in its group.
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
            if len(group) < 2 or [copy.to_best is None for copy in group] != [True, *[False] * (len(group) - 1)]:
                raise ValueError("a group does not have its best picture in front of others")
            before: set[int] = set()
            for copy in group:
                if copy.twin is not None and copy.twin not in before:
                    raise ValueError("a picture's twin does not stand before it in its group")
                before.add(copy.image.id)

    @property
    def spare(self) -> list[Copy]:
        """Every picture but the best of each group."""
        return [copy for group in self.groups for copy in group[1:]]


def age(record: ImageRecord) -> tuple[int, str]:
    """What files of one content are sorted by, the best first: the oldest, then the first path."""
    return record.mtime_ns, record.path
