"""Starts a process without root's right to read and write files against their permissions."""

from __future__ import annotations

import ctypes

DROP_FROM_BOUNDING_SET = 24
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH in Linux's capability.h.
OVERRIDING = (1, 2)


def drop_rights() -> None:
    """Keep programs that this process executes from having these rights; does nothing without CAP_SETPCAP."""
    libc = ctypes.CDLL(None)
    for right in OVERRIDING:
        libc.prctl(DROP_FROM_BOUNDING_SET, right)
