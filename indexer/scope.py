"""What a run looks at: folders whole, or only what has changed in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.discover import FolderNames, Found, Problem, discover, discover_again
from indexer.vanished import outermost


@dataclass(frozen=True)
class Scope:
    """Folders, and the paths in them that may have changed; None for all.

    names: what the folders are called, kept from run to run where they are watched.
    """

    folders: Sequence[str | Path]
    changed: Sequence[str] | None = None
    names: FolderNames | None = None

    def files(self) -> Iterator[Found | Problem]:
        """The files that are there now. Raises InputError for a folder that is not."""
        if self.changed is None:
            return discover(self.folders, self.names)
        return discover_again(outermost(self.changed), self.names or FolderNames())

    def paths(self) -> Iterable[str]:
        """Paths, none within another, below which all that is not found has vanished."""
        return (
            outermost(os.path.abspath(folder) for folder in self.folders)
            if self.changed is None
            else outermost(self.changed)
        )
