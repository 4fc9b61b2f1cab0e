"""Builds a FAISS index from codes (train, fill, tune), or updates an existing one with what has changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.progress import StepReport
from indexer.vectors import index_types
from indexer.vectors.exact import import_faiss, pad
from indexer.vectors.faiss_file import FLAT, FaissFile, Tuning, inverted_lists, most_effort, parameters_of
from indexer.vectors.tuning import tune

ADDED_AT_ONCE = 50_000
SEED = 1234

Ids = NDArray[np.int64]
Codes = NDArray[np.float32]


def build(
    index_type: str, codes: Codes, ids: Ids, rows: Ids, device: str = "cpu", report: StepReport | None = None
) -> Any | None:
    """Build a FAISS index over some rows of an array of codes, searchable by id; None for the flat type.

    ids, rows: int64 (n,) each, ascending by row. Raises InputError if FAISS does not know the type or cannot build it.
    """
    if index_type == FLAT:
        return None
    index = index_types.empty(index_type, len(ids), codes.shape[1])
    if not index.is_trained:
        if report:
            report("learning", 0, 1)
        try:
            _train(index, codes, rows, device)
        except RuntimeError as error:
            raise InputError(
                f"FAISS cannot make an index {index_type!r} of {len(ids)} codes ({index_types.reason_of(error)}): "
                "ask for another"
            ) from error
    fill(index, codes, ids, rows, report)
    return index


def extend(
    base: FaissFile, codes: Codes, ids: Ids, rows: Ids, gone: Ids, report: StepReport | None = None
) -> Any | None:
    """Add codes to a base's FAISS index and remove ids; None if it is flat or cannot remove them."""
    if base.index_type == FLAT:
        return None
    index = base.load()
    if len(gone):
        if inverted_lists(index) is None:
            return None
        module = import_faiss()
        mask = np.zeros(int(gone.max()) + 1, np.bool_)
        mask[gone] = True
        index.remove_ids(module.IDSelectorBitmap(np.packbits(mask, bitorder="little")))
    fill(index, codes, ids, rows, report)
    return index


def fill(index: Any, codes: Codes, ids: Ids, rows: Ids, report: StepReport | None = None) -> None:
    """Add some rows of an array of codes to a FAISS index under the given ids."""
    for start in range(0, len(rows), ADDED_AT_ONCE):
        some = slice(start, start + ADDED_AT_ONCE)
        index.add_with_ids(pad(codes[rows[some]], index.d), np.ascontiguousarray(ids[some], np.int64))
        if report:
            report("adding", min(start + ADDED_AT_ONCE, len(rows)), len(rows))


def measured(index: Any | None, codes: Codes, ids: Ids, rows: Ids, target: float) -> Tuning:
    """Measure the search parameters with which a FAISS index reaches a target recall."""
    if index is None:
        return Tuning(target)

    def search(queries: Codes, wanted: int, effort: int) -> Ids:
        found = index.search(pad(queries, index.d), wanted, params=parameters_of(index, effort))[1]
        return np.asarray(found, np.int64)

    return tune(index, search, codes, ids, rows, target, most_effort(index))


def _train(index: Any, codes: Codes, rows: Ids, device: str) -> None:
    lists = inverted_lists(index)
    wanted = max(65_536, index_types.TRAINING_CODES_A_LIST * lists.nlist) if lists is not None else 65_536
    sample = np.sort(np.random.default_rng(SEED).choice(len(rows), min(wanted, len(rows)), replace=False))
    if device == "cuda" and lists is not None:
        # Untested: no machine with a GPU and faiss-gpu was available.
        module = import_faiss()
        lists.clustering_index = module.index_cpu_to_all_gpus(module.IndexFlatL2(index.d))
    index.train(pad(codes[rows[sample]], index.d))
