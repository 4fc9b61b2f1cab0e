"""Keeps rows of an earlier run beside new ones, so that a new encoder can be measured without repeating the others."""

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
    """A summary with the stored rows of all methods that it did not measure, in their original order.

    "kept" records the runs that produced those rows. Raises InputError if nothing is stored or the protocols differ.
    """
    record = load(name, folder)
    stored = record["result"]
    # Results that were stored before the option --unseen existed lack this key.
    before, now = ({"unseen": False} | one["protocol"] for one in (stored, summary))
    if before != now or stored["seed"] != summary["seed"]:
        raise InputError(f"the rows in {folder / f'{name}.json'} have another protocol: measure all without --keep")
    rows = {row["key"]: row for row in stored["methods"]} | {row["key"]: row for row in summary["methods"]}
    return summary | {
        "methods": list(rows.values()),
        "encoders": stored["encoders"] | summary["encoders"],
        "kept": earlier_runs(
            record, [row["key"] for row in stored["methods"]], {row["key"] for row in summary["methods"]}
        ),
    }


def earlier_runs(record: dict[str, Any], names: Sequence[str], measured: Collection[str]) -> list[dict[str, Any]]:
    """The runs in a stored record that still contribute rows, each with its ORIGIN and its row names under "methods".

    names: all rows of the record; measured: those that have just been measured again.
    """
    origin = {"methods": list(names)} | {key: record[key] for key in ORIGIN}
    earlier = [
        {**run, "methods": [name for name in run["methods"] if name not in measured]}
        for run in [*record["result"].get("kept", []), origin]
    ]
    return _latest(earlier)


def _latest(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that still own rows; a row belongs to the first run that names it."""
    seen: set[str] = set()
    kept = []
    for run in runs:
        methods = [key for key in run["methods"] if key not in seen]
        seen.update(methods)
        if methods:
            kept.append({**run, "methods": methods})
    return kept


def keep_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a stored .npz file, with the new ones added or replaced by name."""
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored) | arrays
