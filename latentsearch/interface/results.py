"""The results of a search: iterate over them, or convert them to dictionaries, a frame or thumbnails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from latentsearch.query import Hit, Unreadable
from latentsearch.query import Results as Answer

if TYPE_CHECKING:
    from latentsearch.search.folder import FolderSearch

COLUMNS = ("rank", "id", "path", "distance", "similarity")
# The most hits that `repr` lists.
LISTED = 20
FACTS = {*COLUMNS, "labels", "predicted", "incomplete", "facts"}


@dataclass(frozen=True, repr=False)
class Results(Answer):
    """The pictures most like a query, the most alike first: a sequence of `Hit`.

    query, minus: the names of the pictures that were searched for and subtracted. hits: a tuple of `Hit`, whose fields
    are rank (from 1), id, path, distance, similarity (the share of random pairs of pictures that are farther apart,
    0 to 1), labels, predicted, incomplete, facts, and face (id, box and score) in a search of faces. faces: the faces
    that were searched for. matching: how many pictures satisfy `where` and `under`; None without them. took_ms:
    milliseconds by stage. A notebook shows hits as thumbnails.
    """

    given: Mapping[str, bytes] = field(default_factory=dict, repr=False, kw_only=True)

    @classmethod
    def of(cls, answer: Answer, given: Mapping[str, bytes]) -> Results:
        """Add the bytes of queried pictures that have no file, by name, to an answer."""
        return cls(**vars(answer), given=given)

    def __repr__(self) -> str:
        from latentsearch.search.formats import readable

        head = f"<Results: {len(self)} pictures of {readable(self.index)}>"
        lines = [f"{hit.rank:>4}  {hit.similarity:.6f}  {readable(hit.path)}" for hit in self.hits[:LISTED]]
        left = [f"      and {len(self) - LISTED} more"] if len(self) > LISTED else []
        return "\n".join([head, *lines, *left])

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, position: int) -> Hit:
        return self.hits[position]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Convert to one dictionary per hit, with the fields of `Hit`; `predicted` is a sorted list.

        `face` is there in a search of faces only: id, box and score.

        >>> with ls.open(folder / "index") as pictures:
        ...     [row["rank"] for row in pictures.search(1, k=2).to_dicts()]
        [1, 2]
        """
        return [_facts(hit) for hit in self.hits]

    def to_frame(self) -> Any:
        """Convert to a pandas DataFrame: rank, id, path, distance, similarity, and one column per label and per fact.

        A label with the name of one of the hit's fields gets the column `label:NAME`, and a fact with the name of a
        label `file:NAME`. Raises MissingExtra without pandas.
        """
        from latentsearch.interface.notebook import frame_of

        labels = {name for hit in self.hits for name in hit.labels}
        return frame_of([_row(hit, labels) for hit in self.hits], COLUMNS)

    def _repr_html_(self) -> str:
        """Show the queried pictures and the hits as thumbnails in a notebook."""
        from latentsearch.interface.notebook import as_html

        return as_html(self, self.given)


class FolderResults:
    """The answers to a search with every picture of a folder, in the order of its files; iterate over them.

    Each is `Results` or, for a picture that cannot be used, an object with its path, `query`, and the `reason`.
    label_names: all labels of the index. matching: how many of its pictures satisfy `where` and `under`; None without
    them.
    """

    def __init__(self, search: FolderSearch) -> None:
        self._search = search
        self.label_names: list[str] = search.label_names
        self.matching: int | None = search.matching

    def __iter__(self) -> Iterator[Results | Unreadable]:
        for answer in self._search:
            yield answer if isinstance(answer, Unreadable) else Results.of(answer, {})


def _facts(hit: Hit) -> dict[str, Any]:
    own = {"labels": dict(hit.labels), "predicted": sorted(hit.predicted), "facts": dict(hit.facts)}
    facts = {**vars(hit), **own}
    face = facts.pop("face")
    return facts if face is None else {**facts, "face": face._asdict()}


def _row(hit: Hit, names: set[str]) -> dict[str, Any]:
    """Return the row of a hit; names: all labels."""
    labels = {f"label:{name}" if name in FACTS else name: value for name, value in hit.labels.items()}
    facts = {f"file:{name}" if name in names else name: value for name, value in hit.facts.items()}
    return {**{name: getattr(hit, name) for name in COLUMNS}, **labels, **facts}
