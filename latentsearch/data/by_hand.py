"""How to get a data set's files without this program; apart, so that who only verifies imports no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from latentsearch.data.manifest import File, Manifest
from latentsearch.data.verify import folder_of


def by_hand(manifest: Manifest, root: Path, files: Sequence[File]) -> str:
    """How to get files without this program and where to place them."""
    again = f"`latentsearch data fetch {manifest.name} --root {root}`"
    what = ", ".join(file.name for file in files) if len(files) < len(manifest.needed()) else "the files"
    place = f"Place {what} in {folder_of(manifest, root)} and run {again}, which checks and unpacks them."
    return f"By hand: {manifest.source}. {manifest.by_hand} {place}"
