"""Reads a Parquet file of codes in parts, and validates all of it before an import begins."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.catalog.images import ImageRecord
from indexer.catalog.labels import LabelValue
from indexer.encoders.encoder import Encoder
from indexer.errors import EncoderError, InputError
from indexer.numbers import can_be_kept
from indexer.parquet.facts import COLUMNS as FACT_COLUMNS
from indexer.parquet.schema import (
    FORMAT,
    GIVEN,
    KEY,
    PREDICTED,
    LabelColumns,
    Rows,
    columns,
    from_batch,
    import_pyarrow,
    label_columns_of,
    nanoseconds,
)
from indexer.paths import printable
from indexer.vectors.code_file import wrong_codes

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE = 10_000
# Columns that may hold nulls, and columns that files of earlier versions lack.
OPTIONAL, LATER = ("path_bytes", *FACT_COLUMNS), ("incomplete", *FACT_COLUMNS)
ENCODER_TYPES = {"name": str, "sha256": str, "distance": str, "latent_size": int, "framing": dict}


class ParquetReader:
    """An open Parquet file. Raises InputError if `export_codes` cannot have written it, MissingExtra without pyarrow.

    encoder: what the file states about its encoder: name, sha256, distance, latent_size, framing. predictor: name and
    sha256 of the attribute encoder that predicted labels, None if the file has no predicted labels. count: number of
    images.
    """

    def __init__(self, path: Path) -> None:
        self._arrow = import_pyarrow()
        from pyarrow.parquet import ParquetFile

        self.path = path
        try:
            # Without pre-buffering, so that even a huge row group is read in small parts.
            self._file = ParquetFile(path, pre_buffer=False)
        except OSError as error:
            raise self._refusal(error.strerror or "it is not a whole Parquet file") from error
        except (self._arrow.ArrowException, UnicodeDecodeError) as error:
            raise self._refusal("it is not a whole Parquet file") from error
        try:
            self.count: int = self._file.metadata.num_rows
            schema = self._file.schema_arrow
            stated, self.encoder = self._encoder_of(schema)
            self.predictor = _predictor_of(stated)
            self._labels = self._labels_of(schema)
            self._columns = self._columns_of(schema)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ParquetReader:
        return self

    def __exit__(
        self, value_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def require(self, encoder: Encoder) -> None:
        """Raise EncoderError if the codes are not this encoder's."""
        mine = tuple(self.encoder[key] for key in ("sha256", "distance", "latent_size", "framing"))
        if mine != (encoder.sha256, encoder.distance, encoder.latent_size, encoder.framing.to_json()):
            raise EncoderError(
                f"the codes in {printable(self.path)} are of encoder {self.encoder['name']} "
                f"(sha256 {self.encoder['sha256'][:12]}…), not of {encoder.name} (sha256 {encoder.sha256[:12]}…)"
            )

    def rows(self) -> Iterator[Rows]:
        """Yield the images in batches. Raises InputError if a part cannot be read or is invalid."""
        names = [*self._columns, *self._labels.by_column()]
        batches = self._file.iter_batches(batch_size=ROWS_AT_ONCE, columns=names)
        done = 0
        while True:
            try:
                batch = next(batches, None)
                rows = from_batch(self._cast(batch), self._labels) if batch is not None and batch.num_rows else None
            except (OSError, ValueError, self._arrow.ArrowException) as error:
                raise self._refusal(f"it is damaged after {done} images ({' '.join(str(error).split())})") from error
            if batch is None:
                break
            if rows is not None:
                done += len(rows.records)
                yield rows
        if done != self.count:
            raise self._refusal(f"it is damaged: it states {self.count} images and holds {done}")

    def look_through(self) -> None:
        """Raise InputError for an impossible image, an invalid code, or a path that occurs twice."""
        hashes = array("q")
        for rows in self.rows():
            for record, given, predicted in zip(rows.records, rows.labels, rows.predicted, strict=True):
                self._look_at(record, given)
                self._look_at(record, predicted)
            numbers = np.arange(len(rows.records))
            for number, wrong in wrong_codes(numbers, rows.codes, self.encoder["distance"]):
                raise self._refusal(f"the code of {printable(rows.records[number].path)} {wrong}")
            hashes.extend(hash(record.path) for record in rows.records)
        self._refuse_repeated(np.frombuffer(hashes, np.int64))

    def _look_at(self, record: ImageRecord, labels: dict[str, LabelValue]) -> None:
        if not os.path.isabs(record.path) or "\0" in record.path:
            raise self._refusal(f"{printable(record.path)!r} is not an absolute path")
        if record.size < 0 or record.width < 1 or record.height < 1:
            raise self._refusal(f"{printable(record.path)} has a size that no picture has")
        for name, value in labels.items():
            if not isinstance(value, str) and not can_be_kept(value):
                raise self._refusal(f"the label {name} of {printable(record.path)} is no number that can be kept")

    def _refuse_repeated(self, hashes: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        ascending = np.sort(hashes)
        suspects = set(ascending[1:][ascending[1:] == ascending[:-1]].tolist())
        found: set[str] = set()
        for rows in self.rows() if suspects else ():
            for path in (record.path for record in rows.records if hash(record.path) in suspects):
                if path in found:
                    raise self._refusal(f"it holds {printable(path)} twice")
                found.add(path)

    def _encoder_of(self, schema: pyarrow.Schema) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return all that the file states about itself, and the part about its encoder."""
        try:
            stated: dict[str, Any] = json.loads((schema.metadata or {})[KEY])
            encoder: dict[str, Any] = stated["encoder"]
            for key, value_type in (
                ("name", str),
                ("sha256", str),
                ("distance", str),
                ("latent_size", int),
                ("framing", dict),
            ):
                if not isinstance(encoder[key], value_type):
                    raise TypeError(key)
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal(
                "it does not say which encoder made its codes, as `latentsearch export` does"
            ) from error
        if stated.get("format") != FORMAT:
            raise self._refusal(f"its format is {stated.get('format')}, and this latentsearch knows {FORMAT}")
        return stated, encoder

    def _labels_of(self, schema: pyarrow.Schema) -> LabelColumns:
        """Return the fields of both structs; predicted labels without a stated predictor are an unknown column."""
        try:
            predicted = label_columns_of(schema, PREDICTED) if self.predictor else []
            return LabelColumns(label_columns_of(schema, GIVEN), predicted)
        except ValueError as error:
            raise self._refusal(str(error)) from error

    def _columns_of(self, schema: pyarrow.Schema) -> dict[str, Any]:
        wanted = columns(self.encoder["latent_size"]) if 0 < self.encoder["latent_size"] < 2**31 else {}
        wanted = {name: found for name, found in wanted.items() if name in schema.names or name not in LATER}
        missing = [name for name in wanted if schema.names.count(name) != 1]
        if missing or not wanted:
            raise self._refusal(f"it has no column {missing[0]}" if missing else "the length of its codes is invalid")
        code = schema.field("code").type
        if self._arrow.types.is_fixed_size_list(code) and code.list_size != self.encoder["latent_size"]:
            raise self._refusal(
                f"its codes have {code.list_size} numbers, and those of its encoder {self.encoder['latent_size']}"
            )
        return wanted

    def _cast(self, batch: Any) -> Any:
        arrays, names = [], list(batch.schema.names)
        for name in names:
            column = batch.column(name)
            if name in self._columns:
                column = (column if name in FACT_COLUMNS else nanoseconds(column)).cast(self._columns[name])
                if (column.null_count and name not in OPTIONAL) or (name == "code" and column.flatten().null_count):
                    raise ValueError(f"{name} is missing")
            arrays.append(column)
        return self._arrow.RecordBatch.from_arrays(arrays, names=names)

    def _refusal(self, reason: str) -> InputError:
        return InputError(f"{printable(self.path)} cannot be imported: {reason}")


def _predictor_of(stated: dict[str, Any]) -> tuple[str, str] | None:
    """Return name and sha256 of the attribute encoder, if both are stated."""
    predictor = stated.get("predictor")
    if not isinstance(predictor, dict):
        return None
    name, sha256 = predictor.get("name"), predictor.get("sha256")
    return (name, sha256) if isinstance(name, str) and name and isinstance(sha256, str) and sha256 else None
