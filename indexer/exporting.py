"""An index -> a Parquet file, in row groups, so that millions of images take no memory."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from indexer.discover import printable
from indexer.errors import DamagedIndex, InputError
from indexer.index import Index
from indexer.label_rows import LabelValue
from indexer.parquet import Rows, import_pyarrow, label_columns, schema_of, to_batch

ROWS_AT_ONCE = 10_000
# Images written, and images in all.
Report = Callable[[int, int | None], None]


def export_codes(index: Index, target: Path, report: Report | None = None) -> int:
    """Write all that an index holds of its images, in one step for whoever reads; see indexer.parquet.

    Returns how many images there are. Raises MissingExtra without the extra `parquet`, InputError where the file
    cannot be written, DamagedIndex where codes are missing.
    """
    import_pyarrow()
    from pyarrow.parquet import ParquetWriter

    labels = label_columns(index.catalog)
    schema = schema_of(index.facts, labels)
    total, done = index.count(), 0
    with _unfinished(target) as file, ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _rows(index):
            writer.write_batch(to_batch(rows, schema, labels))
            done += len(rows.records)
            if report:
                report(done, total)
    return done


def _rows(index: Index) -> Iterator[Rows]:
    codes = index.neighbours.codes
    first = 0
    while records := index.catalog.images_from(first, ROWS_AT_ONCE):
        first = records[-1].id + 1
        positions = [record.position for record in records]
        if max(positions) >= len(codes):
            raise DamagedIndex(
                f"the files of the index at {printable(index.folder)} contradict one another: "
                "`latentsearch check` tells more"
            )
        yield Rows(records, given_labels(index, [record.id for record in records]), codes[positions])


def given_labels(index: Index, ids: list[int]) -> list[dict[str, LabelValue]]:
    """The labels of images, by id, that nobody predicted: one dictionary each."""
    labels, predicted = index.labels(ids), index.predicted_labels(ids)
    return [
        {name: value for name, value in labels.get(number, {}).items() if name not in predicted.get(number, ())}
        for number in ids
    ]


@contextmanager
def _unfinished(target: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of another when it is whole; what is left of one that was killed is overwritten."""
    beside = target.with_name(f".{target.name}.unfinished")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        reason = "no space left" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise InputError(f"{printable(target)} cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
