"""A Parquet file of codes -> an index, in parts that are committed one by one.

Killed in the middle, the same import goes on: what is there already is left as it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from indexer.catalog.images import ImageRecord
from indexer.index.writer import IndexWriter
from indexer.parquet.reader import ParquetReader
from indexer.parquet.schema import Rows
from indexer.progress import Report
from indexer.system.interrupts import interruptible


@dataclass
class ImportSummary:
    """What became of a file's images.

    found = added + unchanged; replaced: those of the added in whose place others were.
    """

    found: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0

    def to_json(self) -> dict[str, Any]:
        """As `latentsearch import --json` prints it."""
        return asdict(self)


def import_codes(index: IndexWriter, file: ParquetReader, report: Report | None = None) -> ImportSummary:
    """Add a file's images to an index that is open for writing; the file was looked through, and is its encoder's.

    An image whose path is there is left as it is where content and code are the same, else it is replaced, under a new
    id. Labels are added to those that are there. Raises InputError for a full disk, KeyboardInterrupt after Ctrl-C;
    what was done until then is kept.
    """
    summary = ImportSummary()
    with interruptible() as interrupted:
        for rows in file.rows():
            _add(index, rows, summary)
            index.commit()
            if report:
                report(summary.found, file.count)
            if interrupted.is_set():
                raise KeyboardInterrupt
        index.rebuild()
    return summary


def _add(index: IndexWriter, rows: Rows, summary: ImportSummary) -> None:
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
    ids = dict(zip(new, numbers, strict=True))
    catalog.labels.add((ids.get(row) or before[path].id, rows.labels[row]) for row, path in enumerate(paths))
    summary.found += len(paths)
    summary.added += len(new)
    summary.replaced += len(replaced)
    summary.unchanged += len(paths) - len(new)


def _is_same(index: IndexWriter, known: ImageRecord | None, rows: Rows, row: int) -> bool:
    """Whether an image that is there has the content and the code of a row."""
    if known is None or known.digest != rows.records[row].digest:
        return False
    return np.array_equal(index.code_at(known.position), rows.codes[row])
