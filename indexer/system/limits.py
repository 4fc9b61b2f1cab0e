"""What this process may use of the machine: its cores, its memory, and what one picture may take of it."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from indexer.errors import InputError, UnreadableImage

# Takes the bytes that decoding a picture is about to need. Returns when they may be used; raises UnreadableImage where
# the picture needs more than there will ever be.
Reserve = Callable[[int], None]

VARIABLE = "LATENTSEARCH_MEMORY"
# The share of the machine's memory that a run may take unless something else is asked for.
DEFAULT_SHARE = 4
# A quarter of a small machine's memory holds no large picture; a run may take this much of it, but never beyond half.
DEFAULT_AT_LEAST = 1_000_000_000
# What the program itself and one worker take; with less, no large picture would ever be decoded.
LEAST = 500_000_000
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
POWERS = ("", "k", "m", "g", "t")


def memory_cap() -> int:
    """The bytes that a run may take: what LATENTSEARCH_MEMORY says, else a quarter of the machine's memory.

    Raises InputError where the variable says no size.
    """
    asked = os.environ.get(VARIABLE)
    return parse_size(asked, VARIABLE) if asked else default_cap()


@functools.cache
def default_cap() -> int:
    """A quarter of the machine's memory, or of its container's; on small ones up to a half, but no more than 1 GB."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    there = min(there, memory_limit() or there)
    return max(there // DEFAULT_SHARE, min(there // 2, DEFAULT_AT_LEAST))


def parse_size(text: str, source: str) -> int:
    """Bytes from a size such as 2GB, 1.5 GiB or 800M; source: what to name in an error.

    Raises InputError for what is no size, and for less than LEAST.
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
    """Raise UnreadableImage for a picture that alone needs more than the cap; wait for nothing."""
    cap = memory_cap()
    if needed > cap:
        raise UnreadableImage(above_cap(needed, cap), may_pass=True)


def above_cap(needed: int, cap: int, others: int = 0) -> str:
    """Why a picture is refused that needs more bytes than the cap, `others` of which the program itself takes."""
    left = f", {in_mb(max(cap - others, 0))} of which are left for it" if others else ""
    return f"decoding it takes {in_mb(needed)} of memory, more than the cap of {in_mb(cap)}{left}"


def in_mb(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:,.0f} MB"


ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_limit() -> int | None:
    """The least limit on memory of the groups that this process is in, in bytes; None where there is none."""
    limits = [_number(text) for text in (*_read("", "memory.max"), *_read("memory", "memory.limit_in_bytes"))]
    return min((limit for limit in limits if limit is not None), default=None)


def cpu_limit() -> float | None:
    """The least limit on processor time of the groups that this process is in, in cores; None where there is none."""
    quotas = [text.split() for text in _read("", "cpu.max")]
    for folder in _folders("cpu"):
        quotas.append([_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")])
    shares = [(_number(quota[0]), _number(quota[1])) for quota in quotas if len(quota) == 2]
    return min((quota / period for quota, period in shares if quota and period), default=None)


def _read(controller: str, file: str) -> list[str]:
    return [_text(folder / file) for folder in _folders(controller)]


def _folders(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it; controller: "" for version 2."""
    for line in _text(OWN).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            inside = PurePosixPath(path.lstrip("/"))
            for group in (inside, *inside.parents):
                yield ROOT / controller / group


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # a group that is not shown to us, or another system than Linux
        return ""


def _number(text: str) -> int | None:
    """None for "max", for "-1" and for what is not there."""
    return int(text) if text.isdigit() else None


def cores() -> int:
    """How many cores this process may use: those that it may run on, or fewer where a container's share is less."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cpu_limit()
    return there if limit is None else max(1, min(there, math.ceil(limit)))
