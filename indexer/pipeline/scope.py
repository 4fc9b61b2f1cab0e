"""What a run looks at: folders whole, or only what has changed in them."""

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
    """Folders, and the paths in them that may have changed; None for all.

    names: what the folders are called, kept from run to run where they are watched. rules: what is left out.
    """

    folders: Sequence[str | Path]
    changed: Sequence[str] | None = None
    names: FolderNames | None = None
    rules: Rules = field(default_factory=Rules)

    def files(self, passed: Passed | None = None) -> Iterator[Found | Problem]:
        """The files that are there now; passed: counts what is passed over.

        Raises InputError for a folder that is not there.
        """
        if self.changed is None:
            return discover(self.folders, self.names, self.rules, passed)
        return discover_again(outermost(self.changed), self.named, self.names, self.rules, passed)

    def estimate(self) -> Iterator[Found | Problem]:
        """About the same files, without a look into any."""
        if self.changed is None:
            return discover(self.folders, self.names, self.rules, only_by_suffix=True)
        return self.files()

    def comes_by(self, path: str) -> bool:
        """Whether a run over the folders comes by a file."""
        try:
            return self.changed is None and any(
                is_under(path, folder) and self.rules.takes_in(path, folder) for folder in self.named
            )
        except UnusableRules:
            return False

    @property
    def named(self) -> list[str]:
        """The folders, by absolute path, each once."""
        return list(dict.fromkeys(os.path.abspath(folder) for folder in self.folders))

    def paths(self) -> Sequence[str]:
        """Paths, none within another, below which all that is not found has vanished."""
        return outermost(self.named) if self.changed is None else outermost(self.changed)
