"""Keeps the base up to date with the codes: creates it, rebuilds it, or extends it with recent changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import IndexMetadata
from indexer.errors import InputError
from indexer.index.vector_search import VectorSearch
from indexer.vectors import index_types
from indexer.vectors.faiss_file import FLAT, Header, Tuning, write_faiss_file

if TYPE_CHECKING:
    from indexer.progress import StepReport

# Images added or removed that a base tolerates before it is updated: a constant plus a share of its images.
IMAGES_BESIDE, SHARE_BESIDE = 10_000, 0.01
# Retrain the base once the number of images has changed by more than this factor since training.
OUTGROWN = 2.0


def check_request(recall: float | None, device: str) -> None:
    """Raise InputError for a recall outside (0, 1], MissingExtra for an unavailable device."""
    index_types.check_device(device)
    if recall is not None and not 0 < recall <= 1:
        raise InputError(f"a recall of {recall}: ask for more than 0 and at most 1")


def write_base(
    path: Path, metadata: IndexMetadata, now: VectorSearch, device: str, report: StepReport | None, anew: bool
) -> bool:
    """Write a new base if the existing one no longer suffices; return whether a base was written.

    anew: write a base even if the existing one suffices. Raises InputError for an index type that FAISS does not know.
    """
    choice = index_types.choose(metadata.kind, now.count, metadata.latent_size)
    if anew or _must_be_made_anew(now, choice.index_type, metadata.recall):
        made, header = _made(metadata, now, choice, device, report)
    elif _much_has_changed(now):
        made, header = _extended(metadata, now, choice, device, report)
    else:
        return False
    write_faiss_file(path, header, made, *_live(now))
    return True


def _must_be_made_anew(now: VectorSearch, index_type: str, recall: float) -> bool:
    if now.base is None:
        return True
    header = now.base.header
    if header.kind != index_type:
        return True
    if index_type == FLAT:
        return False
    grown = now.count / max(header.trained_on, 1)
    return recall != header.tuning.target or grown > OUTGROWN or grown < 1 / OUTGROWN


def _much_has_changed(now: VectorSearch) -> bool:
    return max(len(now.delta.ids), len(now.gone)) > IMAGES_BESIDE + SHARE_BESIDE * now.in_base


def _made(
    metadata: IndexMetadata, now: VectorSearch, choice: index_types.Choice, device: str, report: StepReport | None
) -> tuple[Any | None, Header]:
    ids, rows = _live(now)
    made, tuning = None, Tuning(metadata.recall)
    if choice.index_type != FLAT:
        from indexer.vectors import build

        made = build.build(choice.index_type, now.codes, ids, rows, device, report)
        if report:
            report("measuring", 0, 1)
        tuning = build.measured(made, now.codes, ids, rows, metadata.recall)
    width = index_types.width(choice.index_type, metadata.latent_size)
    count, rows_that_count = len(ids), metadata.code_rows
    header = Header(
        metadata.uuid, metadata.generation, choice.index_type, choice.why, count, rows_that_count, width, count, tuning
    )
    return made, header


def _extended(
    metadata: IndexMetadata, now: VectorSearch, choice: index_types.Choice, device: str, report: StepReport | None
) -> tuple[Any | None, Header]:
    assert now.base is not None
    made = None
    if choice.index_type != FLAT:
        from indexer.vectors import build

        made = build.extend(now.base, now.codes, now.delta.ids, now.delta.rows, now.gone, report)
        if made is None:
            return _made(metadata, now, choice, device, report)
    header = replace(now.base.header, generation=metadata.generation, count=now.count, rows=metadata.code_rows)
    return made, header


def _live(now: VectorSearch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids of all images and the rows of their codes, ordered by row."""
    ids = now.ids()
    rows = now.rows_of(ids)
    order = np.argsort(rows)
    return ids[order], rows[order]
