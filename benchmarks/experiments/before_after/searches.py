"""Searches of one index by the code of two checkouts, in turn, each round in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# Before the packages had folders, Index was in indexer/index.py.
SEARCHES = """
import json, sys, time
from pathlib import Path
import numpy as np
try:
    from indexer.index.index import Index
except ImportError:
    from indexer.index import Index
queries, spent = np.load(sys.argv[2]), []
with Index.open(Path(sys.argv[1])) as index:
    for number in range(-20, len(queries)):
        start = time.perf_counter()
        index.search(queries[number % len(queries)][None], 20)
        if number >= 0:
            spent.append(time.perf_counter() - start)
print(json.dumps(float(np.median(spent))))
"""


def search_seconds(checkout: Path, index: Path, queries: Path) -> float:
    """The median of the seconds of a search for the 20 nearest, after 20 searches that are not counted.

    queries: a .npy file, float32 (q, d).
    """
    words = [sys.executable, "-c", SEARCHES, str(index), str(queries)]
    done = subprocess.run(words, cwd=checkout, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))
