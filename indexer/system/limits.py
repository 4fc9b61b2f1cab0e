"""The cores and memory that this process may use, and how much memory one picture may take."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from indexer.errors import InputError, UnreadableImage

# Called with the number of bytes that decoding a picture will need. Returns once they are available; raises
# UnreadableImage if they exceed the cap.
Reserve = Callable[[int], None]

VARIABLE = "LATENTSEARCH_MEMORY"
# By default, a run may use 1/DEFAULT_SHARE of the machine's memory.
DEFAULT_SHARE = 4
# A quarter of a small machine's memory is too little for large pictures, so the default is at least this many bytes,
# but never more than half of the memory.
DEFAULT_AT_LEAST = 1_000_000_000
# The smallest cap allowed, in bytes: the program and one worker need about this much before they decode anything.
LEAST = 500_000_000
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
POWERS = ("", "k", "m", "g", "t")
ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_cap() -> int:
    """Return the bytes of memory that a run may use: LATENTSEARCH_MEMORY, or else `default_cap`.

    Raises InputError if the variable does not hold a size.
    """
    asked = os.environ.get(VARIABLE)
    return parse_size(asked, VARIABLE) if asked else default_cap()


@functools.cache
def default_cap() -> int:
    """Return a quarter of the machine's or container's memory, in bytes; below 4 GB, half of it but at most 1 GB."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    there = min(there, memory_limit() or there)
    return max(there // DEFAULT_SHARE, min(there // 2, DEFAULT_AT_LEAST))


def parse_size(text: str, source: str) -> int:
    """Parse a size such as 2GB, 1.5 GiB or 800M into bytes; `source` is named in errors.

    Raises InputError for text that is not a size, and for sizes below LEAST or from 2**63 on.
    """
    match = SIZE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{source}: {text!r} is not a size such as 2GB or 800MB")
    number, prefix, binary = match.groups()
    size = float(number) * (1024 if binary else 1000) ** POWERS.index(prefix.lower())
    if not LEAST <= size < 2**63:
        raise InputError(f"{source}: {text} is {'too much' if size > LEAST else f'less than {in_mb(LEAST)}'}")
    return int(size)


def refuse_above_cap(needed: int) -> None:
    """Raise UnreadableImage if one picture needs more bytes than the cap. Never waits."""
    cap = memory_cap()
    if needed > cap:
        raise UnreadableImage(above_cap(needed, cap), may_pass=True)


def above_cap(needed: int, cap: int, others: int = 0) -> str:
    """Explain why a picture needs more bytes than the cap; `others` is the memory of the program itself."""
    left = f", {in_mb(max(cap - others, 0))} of which are left for it" if others else ""
    return f"decoding it takes {in_mb(needed)} of memory, more than the cap of {in_mb(cap)}{left}"


def in_mb(size: int) -> str:
    """Format bytes as megabytes for messages."""
    return f"{size / 1e6:,.0f} MB"


def memory_limit() -> int | None:
    """Return the lowest memory limit of this process's cgroups in bytes, or None without a limit."""
    limits = [_number(text) for text in (*_read("", "memory.max"), *_read("memory", "memory.limit_in_bytes"))]
    return min((limit for limit in limits if limit is not None), default=None)


def cpu_limit() -> float | None:
    """Return the lowest CPU limit of this process's cgroups in cores, or None without a limit."""
    quotas = [text.split() for text in _read("", "cpu.max")]
    for folder in _folders("cpu"):
        quotas.append([_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")])
    shares = [(_number(quota[0]), _number(quota[1])) for quota in quotas if len(quota) == 2]
    return min((quota / period for quota, period in shares if quota and period), default=None)


def _read(controller: str, file: str) -> list[str]:
    return [_text(folder / file) for folder in _folders(controller)]


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's cgroup and its ancestors; `controller` is "" for cgroup v2."""
    for line in _text(OWN).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            inside = PurePosixPath(path.lstrip("/"))
            for group in (inside, *inside.parents):
                yield ROOT / controller / group


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # the group is not visible, or this is not Linux
        return ""


def _number(text: str) -> int | None:
    """Parse a limit; None for "max", "-1" and empty text."""
    return int(text) if text.isdigit() else None


def cores() -> int:
    """Return the number of cores this process may use: its CPU affinity, capped by the container's quota."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cpu_limit()
    return there if limit is None else max(1, min(there, math.ceil(limit)))
