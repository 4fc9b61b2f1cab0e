"""Where an index is. Imports nothing that takes time, so that a first run can begin to decode at once."""

from __future__ import annotations

import os
from pathlib import Path

CATALOGUE = "catalog.sqlite"


def locate(option: str | Path | None = None) -> Path:
    """Where the index is: what --index says, else LATENTSEARCH_INDEX, else the user's data folder."""
    named = option or os.environ.get("LATENTSEARCH_INDEX")
    if named:
        return Path(os.path.abspath(named))
    import platformdirs

    return platformdirs.user_data_path("latentsearch") / "index"
