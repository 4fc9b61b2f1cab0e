"""Exports an index to a Parquet file in row groups, so that memory use does not grow with the number of images."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from indexer.catalog.labels import LabelValue
from indexer.errors import DamagedIndex, InputError
from indexer.facts.facts import Facts
from indexer.index.index import Index
from indexer.parquet.schema import Rows, import_pyarrow, label_columns, schema_of, to_batch
from indexer.paths import printable
from indexer.progress import Report
from indexer.system.disk import atomic_write

if TYPE_CHECKING:
    from indexer.parquet.faces import FaceColumn

ROWS_AT_ONCE = 10_000


def export_codes(index: Index, target: Path, report: Report | None = None) -> int:
    """Write an index's images, labels and codes to a file, replacing it in one step; see indexer.parquet.schema.

    Returns the number of images. Raises MissingExtra without the extra `parquet`, InputError if the file cannot be
    written, DamagedIndex if codes are missing.
    """
    import_pyarrow()
    from pyarrow.parquet import ParquetWriter

    labels = label_columns(index.catalog)
    schema = schema_of(index.metadata, labels)
    faces = _face_column(index)
    whole = schema if faces is None else faces.schema(schema)
    total, done = index.count(), 0
    with _written(target) as file, ParquetWriter(file, whole, compression="zstd") as writer:
        for rows in _rows(index):
            batch = to_batch(rows, schema, labels)
            if faces is not None:
                batch = faces.added(batch, [record.id for record in rows.records], whole)
            writer.write_batch(batch)
            done += len(rows.records)
            if report:
                report(done, total)
    return done


def _face_column(index: Index) -> FaceColumn | None:
    if index.faces is None:
        return None
    from indexer.parquet.faces import FaceColumn

    return FaceColumn(index, index.faces)


def _rows(index: Index) -> Iterator[Rows]:
    codes = index.vectors.codes
    first = 0
    while records := index.catalog.images.from_id(first, ROWS_AT_ONCE):
        first = records[-1].id + 1
        positions = [record.position for record in records]
        if max(positions) >= len(codes):
            raise DamagedIndex(
                f"the files of the index at {printable(index.folder)} contradict one another: "
                "run `latentsearch check` for details"
            )
        ids = [record.id for record in records]
        given, predicted = given_and_predicted(index, ids)
        facts = index.catalog.facts.of_ids(ids)
        yield Rows(records, given, codes[positions], predicted, [facts.get(image_id, Facts()) for image_id in ids])


def given_and_predicted(
    index: Index, ids: list[int]
) -> tuple[list[dict[str, LabelValue]], list[dict[str, LabelValue]]]:
    """Return the given and the predicted labels of images: one dictionary per id each."""
    labels, names = index.labels(ids), index.predicted_labels(ids)
    given: list[dict[str, LabelValue]] = [{} for _ in ids]
    predicted: list[dict[str, LabelValue]] = [{} for _ in ids]
    for row, number in enumerate(ids):
        for name, value in labels.get(number, {}).items():
            (predicted if name in names.get(number, ()) else given)[row][name] = value
    return given, predicted


@contextmanager
def _written(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces `target` when complete. Raises InputError if it cannot be written."""
    try:
        with atomic_write(target) as file:
            yield file
    except OSError as error:
        reason = "no space left" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise InputError(f"{printable(target)} cannot be written: {reason}") from error
