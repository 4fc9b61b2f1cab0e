"""Counts skipped files by type."""

from __future__ import annotations

import os
from collections import Counter

WITHOUT_SUFFIX = "without suffix"
OTHER = "of other types"
EXCLUDED = "excluded"
OWN_SHEETS = "contact sheets of its own"
# Files with a longer suffix count as OTHER; otherwise a folder could have as many types as files.
LONGEST_SUFFIX = 12
TYPES_AT_MOST = 1_000
SHOWN = 5
SHEET_REASON = "a contact sheet that latentsearch wrote"


class Passed:
    """Counts of files that are not pictures, by suffix, and of excluded files and folders.

    counts: by type. unreadable: paths without a picture suffix whose first bytes cannot be read; their images stay in
    the index. drives: folders on another drive than their parent.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.unreadable: list[str] = []
        self.drives: list[str] = []

    def add(self, name: str) -> None:
        """Count a file that is not a picture."""
        self.counts[self._type_of(name)] += 1

    def take_back(self, name: str) -> None:
        """Undo `add` for a file that is used after all."""
        self.counts[self._type_of(name)] -= 1
        self.counts = +self.counts

    def exclude(self) -> None:
        """Count a file or folder that a rule excludes."""
        self.counts[EXCLUDED] += 1

    def by_type(self) -> dict[str, int]:
        """Return the count of each type, most frequent first."""
        return dict(self.counts.most_common())

    def _type_of(self, name: str) -> str:
        suffix = os.path.splitext(name)[1].lower() or WITHOUT_SUFFIX
        is_type = suffix == WITHOUT_SUFFIX or (len(suffix) <= LONGEST_SUFFIX and not suffix[1:].isdigit())
        if not is_type or (suffix not in self.counts and len(self.counts) >= TYPES_AT_MOST):
            return OTHER
        return suffix


def in_words(by_type: dict[str, int]) -> str:
    """Format the most frequent types and the total of the others, such as "12 .mp4, 3 .txt and 40 more"."""
    ranked = list(by_type.items())
    shown, more = ranked[:SHOWN], sum(count for _, count in ranked[SHOWN:])
    words = ", ".join(f"{count} {file_type}" for file_type, count in shown)
    return f"{words} and {more} more" if more else words
