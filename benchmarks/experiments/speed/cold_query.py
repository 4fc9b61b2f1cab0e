"""One query as a whole process, on a large and a small index, in turn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.timing import bar, process_seconds

TIMES = 2.5


def measure_cold(large: Path, small: Path, pairs: int) -> dict[str, Any]:
    """Medians of `latentsearch query --id` on both indexes, after one warm-up run of each."""
    spent: dict[str, list[float]] = {"large": [], "small": []}
    for number in range(pairs + 1):
        for name, folder in (("large", large), ("small", small)):
            words = ["query", "--id", str(1 + 7 * number), "-k", "20", "--index", str(folder)]
            took = process_seconds([sys.executable, "-m", "latentsearch", *words])
            if number:
                spent[name].append(took)
    ratio = float(np.median(np.array(spent["large"]) / np.array(spent["small"])))
    return {
        **{f"{name}_s": float(np.median(took)) for name, took in spent.items()},
        "ratio": ratio,
        "pairs": [{name: took[number] for name, took in spent.items()} for number in range(pairs)],
        "bars": [bar("cold query, relative to the small index", ratio, TIMES)],
    }
