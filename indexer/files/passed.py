"""What a run passes over, counted by type."""

from __future__ import annotations

import os
from collections import Counter

WITHOUT_SUFFIX = "without suffix"
OTHER = "of other types"
EXCLUDED = "excluded"
OWN_SHEETS = "contact sheets of its own"
# Suffixes longer than this are parts of names, and a folder can hold as many of those as files.
LONGEST_SUFFIX = 12
TYPES_AT_MOST = 1_000
SHOWN = 5


class Passed:
    """Files that are no pictures, by suffix, and what was excluded.

    counts: by type. unreadable: paths that no suffix says to be pictures and whose first bytes cannot be read; what is
    known of them is kept. drives: folders that lie on another drive than the folders that they are in.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.unreadable: list[str] = []
        self.drives: list[str] = []

    def add(self, name: str) -> None:
        """A file of this name is no picture."""
        self.counts[self._type_of(name)] += 1

    def take_back(self, name: str) -> None:
        """A file that was added is of use after all."""
        self.counts[self._type_of(name)] -= 1
        self.counts = +self.counts

    def exclude(self) -> None:
        """A file or a folder is left out by a rule."""
        self.counts[EXCLUDED] += 1

    def by_type(self) -> dict[str, int]:
        """How many of each type, the most frequent first."""
        return dict(self.counts.most_common())

    def _type_of(self, name: str) -> str:
        suffix = os.path.splitext(name)[1].lower() or WITHOUT_SUFFIX
        is_type = suffix == WITHOUT_SUFFIX or (len(suffix) <= LONGEST_SUFFIX and not suffix[1:].isdigit())
        if not is_type or (suffix not in self.counts and len(self.counts) >= TYPES_AT_MOST):
            return OTHER
        return suffix


def in_words(by_type: dict[str, int]) -> str:
    """The most frequent types and how many others there are, e.g. "12 .mp4, 3 .txt and 40 more"."""
    ranked = list(by_type.items())
    shown, more = ranked[:SHOWN], sum(count for _, count in ranked[SHOWN:])
    words = ", ".join(f"{count} {kind}" for kind, count in shown)
    return f"{words} and {more} more" if more else words


SHEET_REASON = "a contact sheet that latentsearch wrote"
