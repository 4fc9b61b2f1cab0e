"""The files that a run considers: whole folders, or only what has changed in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indexer.files.discover import FolderNames, Found, Problem, discover, discover_again
from indexer.files.ignore import Rules, UnusableRules
from indexer.files.passed import Passed
from indexer.paths import is_under, outermost


@dataclass(frozen=True)
class Scope:
    """Folders, and the paths in them that may have changed; None for everything.

    names: the folders' assigned paths, kept between runs of a watch. rules: what to exclude.
    """

    folders: Sequence[str | Path]
    changed: Sequence[str] | None = None
    names: FolderNames | None = None
    rules: Rules = field(default_factory=Rules)

    def files(self, passed: Passed | None = None) -> Iterator[Found | Problem]:
        """Yield the files that exist now; passed: counts skipped files.

        Raises InputError for a folder that does not exist.
        """
        if self.changed is None:
            return discover(self.folders, self.names, self.rules, passed)
        return discover_again(outermost(self.changed), self.named, self.names, self.rules, passed)

    def estimate(self) -> Iterator[Found | Problem]:
        """Yield about the same files; in whole folders, without opening any."""
        if self.changed is None:
            return discover(self.folders, self.names, self.rules, only_by_suffix=True)
        return self.files()

    def comes_by(self, path: str) -> bool:
        """Return whether a run over the folders would encounter a file."""
        try:
            return self.changed is None and any(
                is_under(path, folder) and self.rules.takes_in(path, folder) for folder in self.named
            )
        except UnusableRules:
            return False

    @property
    def named(self) -> list[str]:
        """The absolute paths of the folders, without duplicates."""
        return list(dict.fromkeys(os.path.abspath(folder) for folder in self.folders))

    def paths(self) -> Sequence[str]:
        """Return disjoint paths; any known file below them that is not found has vanished."""
        return outermost(self.named) if self.changed is None else outermost(self.changed)
