"""The limits that Linux sets a container or a service: its control groups, of version 2 or 1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

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
