"""Runs a function in its own process and measures its peak memory, anonymous and file-backed."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.02
KIB = 1_024
GIB = 2**30


class MemoryWatch(threading.Thread):
    """Samples the memory of a process and all its descendants until `stop`.

    peak: bytes. total: the largest sum at one moment. anonymous (private memory) and files (mapped files, which the
    system can reclaim at any time, and shared memory): the maximum of each, not necessarily at the same moment.
    """

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.peak = {"total": 0, "anonymous": 0, "files": 0}
        self._process = process
        self._stopping = threading.Event()

    def run(self) -> None:
        """Sample at regular intervals."""
        while not self._stopping.wait(SECONDS_BETWEEN_LOOKS):
            anonymous, files = map(sum, zip(*map(resident, family(self._process)), strict=True))
            for pages, size in (("total", anonymous + files), ("anonymous", anonymous), ("files", files)):
                self.peak[pages] = max(self.peak[pages], size)

    def stop(self) -> dict[str, int]:
        """Stop sampling and return the peak."""
        self._stopping.set()
        self.join()
        return self.peak


def own_peak_kib() -> int:
    """Peak memory of this program in KiB; `ru_maxrss` would include the parent's memory at the time of the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def resident(process: int) -> tuple[int, int]:
    """Bytes of a process in memory: private, and file-backed or shared; zeros if the process has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    kib = {name: int(size) for name, size in sizes.items()}
    return kib.get("RssAnon", 0) * KIB, (kib.get("RssFile", 0) + kib.get("RssShmem", 0)) * KIB


def family(process: int) -> list[int]:
    """The process ids of a process and all its descendants, from /proc."""
    found = [process]
    for one in found:
        try:
            tasks = os.listdir(f"/proc/{one}/task")
            for task in tasks:
                found += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def in_child(work: Callable[..., Any], *arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Call a module's function in a fresh process; return its result and {"seconds", "peak_bytes"}.

    Raises RuntimeError if the process fails.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, work, arguments))
    begin = time.perf_counter()
    process.start()
    theirs.close()
    assert process.pid is not None
    watch = MemoryWatch(process.pid)
    watch.start()
    try:
        result = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{work.__name__} failed in its process, with exit code {process.exitcode}") from None
    finally:
        peak = watch.stop()
    process.join()
    return result, {"seconds": time.perf_counter() - begin, "peak_bytes": peak}


def _serve(answer: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    answer.send(work(*arguments))
