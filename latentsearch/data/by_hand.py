"""Instructions for downloading a data set by hand, in a module of their own so that `verify` imports no HTTP client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from latentsearch.data.manifest import File, Manifest
from latentsearch.data.verify import folder_of


def by_hand(manifest: Manifest, root: Path, files: Sequence[File]) -> str:
    """Say where to download the files, where to place them, and which command then checks them."""
    again = f"`latentsearch data fetch {manifest.name} --root {root}`"
    what = ", ".join(file.name for file in files) if len(files) < len(manifest.needed()) else "the files"
    steps = f"Place {what} in {folder_of(manifest, root)} and run {again}, which checks and unpacks them."
    return f"By hand: {manifest.source}. {manifest.by_hand} {steps}"
