"""Sort the results of a search by time or name; without `--sort` they stay in the order of their ranks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from latentsearch.query import Hit

# The offset at the end of a time in ISO 8601; times are compared by the clock at the place.
OFFSET = re.compile(r"[+-]\d\d:\d\d$")


def in_order(hits: Sequence[Hit], sort: str) -> tuple[Hit, ...]:
    """Return hits, which come by rank, in one of the orders of `latentsearch.query.SORTS`.

    taken: the oldest first, pictures without a date last. name: by the file's name, ignoring case. Equals stay in the
    order of their ranks.
    """
    keys: dict[str, Callable[[Hit], Any]] = {"taken": _taken, "name": _name}
    return tuple(sorted(hits, key=keys[sort])) if sort in keys else tuple(hits)


def _taken(hit: Hit) -> tuple[bool, str]:
    taken = str(hit.facts.get("taken", ""))
    return not taken, OFFSET.sub("", taken)


def _name(hit: Hit) -> str:
    return os.path.basename(hit.path).casefold()
