"""Times several calls in random turns, so that all run under the same machine load, and summarises the times."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import REFUSED

WARM_UP = 10

Seconds = NDArray[np.float64]


def in_turn(calls: Mapping[str, Callable[[int], object]], count: int, warm_up: int = WARM_UP) -> dict[str, Seconds]:
    """Call each function with 0, 1, …, in turn with the others; return the seconds of each call, (count,), by name.

    Each round uses a new random order, the same in every run. A call finds the caches as the previous call left them,
    so each function must follow each of the others about equally often. The first `warm_up` rounds are not timed.
    """
    random = np.random.default_rng(0)
    names = list(calls)
    seconds = {name: np.zeros(count) for name in names}
    for round_ in range(-min(warm_up, count), count):
        number = round_ % count
        for name in random.permutation(names).tolist():
            begin = time.perf_counter()
            calls[name](number)
            spent = time.perf_counter() - begin
            if round_ >= 0:
                seconds[name][number] = spent
    return seconds


def process_seconds(command: list[str]) -> float:
    """The wall-clock time of one process, with its output discarded. Raises CalledProcessError if it fails."""
    # An installed package has compiled modules, so the checkout must be allowed to compile its own.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | REFUSED
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin


def milliseconds(seconds: Seconds) -> dict[str, float]:
    """Median, 99th percentile and minimum of the times, in milliseconds."""
    return {
        "median_ms": float(np.median(seconds)) * 1e3,
        "p99_ms": float(np.quantile(seconds, 0.99)) * 1e3,
        "least_ms": float(seconds.min()) * 1e3,
    }


def bar(what: str, measured: float, limit: float, unit: str = "", at_least: bool = False) -> dict[str, Any]:
    """A verdict: the measured figure, its limit, and whether the limit is met."""
    met = measured >= limit if at_least else measured <= limit
    return {"what": what, "measured": measured, "limit": limit, "unit": unit, "at_least": at_least, "met": bool(met)}
