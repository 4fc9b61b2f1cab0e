"""Groups of copies: iterate over them, or convert them to dictionaries or a frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentsearch.duplicates.results import Copy
from latentsearch.duplicates.results import Duplicates as Found

COLUMNS = ("group", "rank", "id", "path", "kind", "changes", "likeness", "width", "height", "bytes", "sha256")


@dataclass(frozen=True, repr=False)
class Duplicates(Found):
    """Groups of pictures that are copies of one another: a sequence of tuples, the best of each group first.

    groups: each a tuple of copies with image (its id, path, width, height, size in bytes), kind, changes and likeness.
    left_out: the pictures that were not compared, by path, with the reason, such as a file that has gone or changed.
    spare: every picture but the best of each group.
    """

    @classmethod
    def of(cls, found: Found) -> Duplicates:
        """Convert what `latentsearch.duplicates.find` returns."""
        return cls(**vars(found))

    def __repr__(self) -> str:
        from latentsearch.duplicates.formats import summary

        return f"<Duplicates: {summary(self)}>"

    def __iter__(self) -> Iterator[tuple[Copy, ...]]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, position: int) -> tuple[Copy, ...]:
        return self.groups[position]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Convert to one dictionary per picture, with the keys of `latentsearch duplicates --json`, group and rank."""
        from latentsearch.duplicates.formats import as_json

        groups = json.loads(as_json(self))["groups"]
        return [
            {"group": number, "rank": rank, **picture}
            for number, group in enumerate(groups, start=1)
            for rank, picture in enumerate(group["pictures"], start=1)
        ]

    def to_frame(self) -> Any:
        """Convert to a pandas DataFrame with one row per picture. Raises MissingExtra without pandas."""
        from latentsearch.interface.notebook import frame_of

        return frame_of(self.to_dicts(), COLUMNS)

    def write_plan(self, path: str | Path, delete: Sequence[str] = ()) -> None:
        """Write a shell script to read and edit; only `sh FILE delete` deletes spare copies.

        delete: kinds of copies that the script deletes besides exact and same ones, such as "greyed". Raises InputError
        if the file exists or its folder does not.
        """
        from latentsearch.duplicates.deletion_plan import check_plan, write_plan

        check_plan(Path(path))
        write_plan(self, Path(path), delete)
