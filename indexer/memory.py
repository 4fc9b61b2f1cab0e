"""How much memory decoding one picture may take."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from indexer.errors import UnreadableImage

# Takes the bytes that decoding a picture is about to need. Returns when they may be used; raises UnreadableImage where
# the picture needs more than there will ever be.
Reserve = Callable[[int], None]
# The share of the machine's memory that decoding may take unless something else is asked for.
DEFAULT_SHARE = 4


@functools.cache
def default_cap() -> int:
    """The bytes that decoding may take by default: a quarter of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // DEFAULT_SHARE


def refuse_above_cap(needed: int) -> None:
    """Raise UnreadableImage for a picture that alone needs more than the default cap; wait for nothing."""
    if needed > default_cap():
        raise UnreadableImage(above_cap(needed, default_cap()), may_pass=True)


def above_cap(needed: int, cap: int) -> str:
    """Why a picture is refused that needs more bytes than the cap."""
    return f"decoding it takes {needed / 1e6:,.0f} MB of memory, more than the cap of {cap / 1e6:,.0f} MB"
