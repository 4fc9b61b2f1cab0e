"""Keeps the base fit for the codes: made, made anew, or the old one with what has changed since."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.index.vector_search import Neighbours
from indexer.vectors import build, index_types
from indexer.vectors.build import Report
from indexer.vectors.faiss_file import FILE_NAME, Header, write_base

if TYPE_CHECKING:
    from indexer.index.index import Index

# What may have come or gone since the base was made: so many images, and this share of it.
IMAGES_BESIDE, SHARE_BESIDE = 10_000, 0.01
# The base is learned anew when the images have become so many times as many as it learned from, or as few.
OUTGROWN = 2.0


def derive(
    index: Index,
    kind: str | None = None,
    recall: float | None = None,
    device: str = "cpu",
    report: Report | None = None,
    anew: bool = False,
) -> bool:
    """Write a base where the one that is there does not do; returns whether one was written.

    index: open for writing, with nothing left to commit. kind: a name of indexer.vectors.index_types.KINDS or a FAISS
    factory string, None for the one asked for last. recall: to be reached at 20. anew: in any case. Raises InputError
    for a kind that FAISS does not know or a recall that is not between 0 and 1, MissingExtra for a device that is not
    there.
    """
    build.check_device(device)
    if recall is not None and not 0 < recall <= 1:
        raise InputError(f"a recall of {recall}: ask for more than 0 and at most 1")
    facts = replace(index.facts, kind=kind or index.facts.kind, recall=recall or index.facts.recall)
    now = index.neighbours
    choice = index_types.choose(facts.kind, now.count, facts.latent_size)
    index.facts = facts
    if anew or _must_be_made_anew(now, choice.kind, facts.recall):
        made, header = _made(index, choice, device, report)
    elif _much_has_changed(now):
        made, header = _extended(index, choice, device, report)
    else:
        index.commit_facts(facts)
        return False
    ids, rows = _live(now)
    write_base(index.folder / FILE_NAME, header, made, ids, rows)
    index.catalog.forget_removed()
    index.commit_facts(replace(facts, base_generation=facts.generation))
    return True


def _must_be_made_anew(now: Neighbours, kind: str, recall: float) -> bool:
    if now.base is None:
        return True
    header = now.base.header
    if header.kind != kind:
        return True
    if kind == index_types.FLAT:
        return False
    grown = now.count / max(header.trained_on, 1)
    return recall != header.tuning.target or grown > OUTGROWN or grown < 1 / OUTGROWN


def _much_has_changed(now: Neighbours) -> bool:
    return max(len(now.delta.ids), len(now.gone)) > IMAGES_BESIDE + SHARE_BESIDE * now.in_base


def _made(index: Index, choice: index_types.Choice, device: str, report: Report | None) -> tuple[Any | None, Header]:
    now, facts = index.neighbours, index.facts
    ids, rows = _live(now)
    made = build.build(choice.kind, now.codes, ids, rows, device, report)
    if report and made is not None:
        report("measuring", 0, 1)
    tuning = build.measured(made, now.codes, ids, rows, facts.recall)
    width = index_types.width(choice.kind, facts.latent_size)
    header = Header(
        facts.uuid, facts.generation, choice.kind, choice.why, len(ids), facts.code_rows, width, len(ids), tuning
    )
    return made, header


def _extended(
    index: Index, choice: index_types.Choice, device: str, report: Report | None
) -> tuple[Any | None, Header]:
    now, facts = index.neighbours, index.facts
    assert now.base is not None
    delta = now.delta
    made = build.extend(now.base, now.codes, delta.ids, delta.rows, now.gone, report)
    if made is None and choice.kind != index_types.FLAT:
        return _made(index, choice, device, report)
    header = replace(now.base.header, generation=facts.generation, count=now.count, rows=facts.code_rows)
    return made, header


def _live(now: Neighbours) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of all images and the rows of their codes, by row."""
    ids = now.ids()
    rows = now.rows_of(ids)
    order = np.argsort(rows)
    return ids[order], rows[order]
