"""Times of calls that are made in turn, so that all meet the same machine, and what is told of them."""

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
    """Seconds of each call, (count,), each called with 0, 1, … in turn with the others.

    Each round has an order of its own, drawn at random, always the same: whoever comes after a call finds the caches as
    that left them, so all must come after all. The first `warm_up` rounds are run before without being timed.
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
    """The wall-clock time of one process, whose output is thrown away. Raises CalledProcessError when it fails."""
    # An installed package is compiled, so a checkout's modules must be too.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | REFUSED
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin


def told(seconds: Seconds) -> dict[str, float]:
    """Median, 99th percentile and least of seconds, in milliseconds."""
    return {
        "median_ms": float(np.median(seconds)) * 1e3,
        "p99_ms": float(np.quantile(seconds, 0.99)) * 1e3,
        "least_ms": float(seconds.min()) * 1e3,
    }


def bar(what: str, measured: float, limit: float, unit: str = "", at_least: bool = False) -> dict[str, Any]:
    """A verdict: what was measured, its limit, and whether it is met."""
    met = measured >= limit if at_least else measured <= limit
    return {"what": what, "measured": measured, "limit": limit, "unit": unit, "at_least": at_least, "met": bool(met)}
