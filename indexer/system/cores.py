"""How much of the machine's processor this process may use."""

from __future__ import annotations

import math
import os

from indexer.system.cgroup import cpu_limit


def cores() -> int:
    """How many cores this process may use: those that it may run on, or fewer where a container's share is less."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cpu_limit()
    return there if limit is None else max(1, min(there, math.ceil(limit)))
