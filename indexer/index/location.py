"""Where an index is. Imports nothing that takes time, so that a first run can begin to decode at once."""

from __future__ import annotations

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

CATALOGUE = "catalog.sqlite"


def locate(option: str | Path | None = None) -> Path:
    """Where the index is: what --index says, else LATENTSEARCH_INDEX, else the user's data folder."""
    named = option or os.environ.get("LATENTSEARCH_INDEX")
    if named:
        place = Path(os.path.abspath(named))
    else:
        import platformdirs

        place = platformdirs.user_data_path("latentsearch") / "index"
    logger.debug("index: %s (%s)", place, "--index" if option else "$LATENTSEARCH_INDEX" if named else "the user's own")
    return place
