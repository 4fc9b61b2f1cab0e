"""Imports a Parquet file of codes into an index, in parts that are committed one by one.

After a kill, the same import continues: images that are already in the index are left unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from indexer.catalog.images import ImageRecord
from indexer.facts.facts import Facts
from indexer.index.writer import IndexWriter
from indexer.parquet.reader import ParquetReader
from indexer.parquet.schema import Rows
from indexer.paths import printable
from indexer.progress import Report
from indexer.system.interrupts import interruptible

logger = logging.getLogger(__name__)


@dataclass
class ImportSummary:
    """The result of an import.

    found = added + unchanged. replaced: the added images that took the place of others.
    """

    found: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the output of `latentsearch import --json`."""
        return asdict(self)


def import_codes(index: IndexWriter, file: ParquetReader, report: Report | None = None) -> ImportSummary:
    """Add a file's images to an index that is open for writing; call the file's `look_through` and `require` first.

    An image whose path is already in the index is left unchanged if content and code are the same; otherwise it is
    replaced under a new id. Labels are merged with existing ones: a predicted label never replaces a given one, and
    predicted labels are left out if those of the index come from another attribute encoder. Raises InputError for a
    damaged file, OSError for a full disk (InputError once IndexWriter exits), KeyboardInterrupt after Ctrl-C. Committed
    parts are kept.
    """
    summary = ImportSummary()
    keeps_predicted = _takes_predictor(index, file)
    with interruptible() as interrupted:
        for rows in file.rows():
            _add(index, rows, summary, keeps_predicted)
            index.commit()
            if report:
                report(summary.found, file.count)
            if interrupted.is_set():
                raise KeyboardInterrupt
        index.rebuild()
    return summary


def _takes_predictor(index: IndexWriter, file: ParquetReader) -> bool:
    """Return whether the file's predicted labels belong in the index; a first predictor is noted in its metadata."""
    if file.predictor is None:
        return False
    name, sha256 = file.predictor
    own = index.metadata
    if own.predictor_sha256 not in ("", sha256):
        logger.warning(
            "the labels predicted by %s in %s are left out, because this index's come from %s; "
            "`latentsearch index --predict-labels` predicts them",
            *(name, printable(file.path), own.predictor_name),
        )
        return False
    if not own.predictor_sha256:
        index.change(predictor_name=name, predictor_sha256=sha256)
    return True


def _add(index: IndexWriter, rows: Rows, summary: ImportSummary, keeps_predicted: bool) -> None:
    catalog = index.catalog
    paths = [record.path for record in rows.records]
    before = catalog.images.at(paths)
    same = [_is_same(index, before.get(path), rows, row) for row, path in enumerate(paths)]
    new = [row for row, is_same in enumerate(same) if not is_same]
    positions = index.append(rows.codes[new])
    numbers = range(catalog.images.next_id(), catalog.images.next_id() + len(new))
    replaced = [before[paths[row]].id for row in new if paths[row] in before]
    catalog.images.remove(replaced)
    catalog.images.add(
        rows.records[row]._replace(id=number, position=position)
        for row, number, position in zip(new, numbers, positions, strict=True)
    )
    catalog.failures.remove(paths[row] for row in new)
    _add_facts(index, rows, new, numbers)
    ids = dict(zip(new, numbers, strict=True))
    images = [ids.get(row) or before[path].id for row, path in enumerate(paths)]
    catalog.labels.add(zip(images, rows.labels, strict=True))
    if keeps_predicted:
        catalog.labels.add(zip(images, rows.predicted, strict=True), predicted=True)
    summary.found += len(paths)
    summary.added += len(new)
    summary.replaced += len(replaced)
    summary.unchanged += len(paths) - len(new)


def _add_facts(index: IndexWriter, rows: Rows, new: Sequence[int], ids: Sequence[int]) -> None:
    """Store the facts of new images; those without any may be of an older file, and are read by the next run."""
    facts = [rows.facts[row] if rows.facts else Facts() for row in new]
    index.catalog.facts.add(zip(ids, facts, strict=True))
    index.catalog.facts.mark_unread(image_id for image_id, of_one in zip(ids, facts, strict=True) if of_one == Facts())


def _is_same(index: IndexWriter, known: ImageRecord | None, rows: Rows, row: int) -> bool:
    """Return whether an indexed image has the content and the code of a row."""
    if known is None or known.digest != rows.records[row].digest:
        return False
    return np.array_equal(index.code_at(known.position), rows.codes[row])
