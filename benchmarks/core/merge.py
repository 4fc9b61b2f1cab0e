"""Rows of an earlier run kept beside new ones, so that a new encoder is measured without all others once more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.results import load
from indexer.errors import InputError

ORIGIN = ("command", "commit", "dirty", "date", "machine")


def keep_rows(name: str, summary: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A summary with the stored rows of the methods that it did not measure, each in its place.

    Under "kept" stands where those came from. Raises InputError when nothing is stored, or by another protocol.
    """
    record = load(name, folder)
    stored = record["result"]
    # Before there were faces that no encoder had seen, a protocol did not say that it has none.
    before, now = ({"unseen": False} | one["protocol"] for one in (stored, summary))
    if before != now or stored["seed"] != summary["seed"]:
        raise InputError(f"the rows in {folder / f'{name}.json'} were measured otherwise: measure all without --keep")
    rows = {row["key"]: row for row in stored["methods"]} | {row["key"]: row for row in summary["methods"]}
    return summary | {
        "methods": list(rows.values()),
        "encoders": stored["encoders"] | summary["encoders"],
        "kept": earlier_runs(
            record, [row["key"] for row in stored["methods"]], {row["key"] for row in summary["methods"]}
        ),
    }


def earlier_runs(record: dict[str, Any], names: Sequence[str], measured: Collection[str]) -> list[dict[str, Any]]:
    """Of the runs in a stored record those that are still needed: each with the ORIGIN of its names, under "methods".

    names: all that the record has; measured: those that were measured anew.
    """
    origin = {"methods": list(names)} | {key: record[key] for key in ORIGIN}
    earlier = [
        {**run, "methods": [name for name in run["methods"] if name not in measured]}
        for run in [*record["result"].get("kept", []), origin]
    ]
    return _latest(earlier)


def _latest(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that rows are still of: each row belongs to the first run that names it."""
    seen: set[str] = set()
    kept = []
    for run in runs:
        methods = [key for key in run["methods"] if key not in seen]
        seen.update(methods)
        if methods:
            kept.append({**run, "methods": methods})
    return kept


def keep_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a stored .npz file with these in place of its own of the same names."""
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored) | arrays
