"""The format of exported Parquet files: their columns, and conversion of rows to and from record batches.

Columns: id, path (text, with backslash escapes for bytes that are not UTF-8; path_bytes then holds the exact bytes),
digest (SHA-256), size in bytes, mtime and added in UTC, width and height in pixels, incomplete (whether part of the
file is missing), facts of the picture (see indexer.parquet.facts), labels (a struct with one field per given label),
predicted_labels (the same for predicted ones) and code (a list of float32). The schema's metadata names the encoder,
and the attribute encoder that predicted labels. Earlier versions wrote neither incomplete, predicted_labels nor facts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.images import ImageRecord
from indexer.catalog.labels import LabelValue
from indexer.facts.facts import Facts
from indexer.numbers import GREATEST, NANOSECONDS, SECONDS_AT_MOST
from indexer.parquet.facts import fact_types, fact_values, facts_in
from indexer.paths import printable
from indexer.system.extras import require_extra

if TYPE_CHECKING:
    import pyarrow

FORMAT = 1
KEY, LABEL_KEY = b"latentsearch", b"label"
GIVEN, PREDICTED = "labels", "predicted_labels"
UNITS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
NUMBER_TYPES, TEXT = ("integer", "real"), "text"


class LabelColumn(NamedTuple):
    """A field of the struct of labels: its name, its label, and its type "integer", "real" or "text".

    A label with both numbers and text has two fields; the one for text is called NAME:text.
    """

    name: str
    label: str
    value_type: str

    def holds(self, value: LabelValue | None) -> bool:
        """Return whether a value of the label belongs in this field."""
        return value is not None and isinstance(value, str) == (self.value_type == TEXT)


@dataclass(frozen=True)
class Rows:
    """A batch of images: records (their `position` is unused), given labels, codes float32 (n, d), predicted labels.

    labels and predicted have one dictionary per image; predicted may also be empty. facts: one per image, or empty.
    """

    records: list[ImageRecord]
    labels: list[dict[str, LabelValue]]
    codes: NDArray[np.float32]
    predicted: list[dict[str, LabelValue]] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)


class LabelColumns(NamedTuple):
    """The fields of a file's two structs of labels."""

    given: list[LabelColumn]
    predicted: list[LabelColumn]

    def by_column(self) -> dict[str, list[LabelColumn]]:
        """Return the fields of each struct that has any, by the name of its column."""
        return {name: found for name, found in zip((GIVEN, PREDICTED), self, strict=True) if found}


def import_pyarrow() -> Any:
    """Import pyarrow. Raises MissingExtra if it is not installed."""
    require_extra("parquet", "pyarrow")
    import pyarrow

    return pyarrow


def label_columns(catalog: Catalog) -> LabelColumns:
    """Return the fields for an index's labels, in order of the labels' first appearance."""
    types = catalog.labels.types(), catalog.labels.types(predicted=True)
    return LabelColumns(*([column for label in of_all.items() for column in _columns_of(*label)] for of_all in types))


def schema_of(metadata: IndexMetadata, labels: LabelColumns) -> pyarrow.Schema:
    """Return the schema for an index with this metadata and these label fields."""
    content: dict[str, Any] = {"format": FORMAT, "encoder": encoder_entry(metadata)}
    if labels.predicted:
        content["predictor"] = {"name": metadata.predictor_name, "sha256": metadata.predictor_sha256}
    *fields, code = columns(metadata.latent_size).items()
    fields += [(name, _label_type(found)) for name, found in labels.by_column().items()]
    return import_pyarrow().schema([*fields, code], metadata={KEY: json.dumps(content)})


def columns(latent_size: int) -> dict[str, Any]:
    """Return the names and types of the columns apart from labels; older files lack `incomplete` and facts."""
    arrow = import_pyarrow()
    moment = arrow.timestamp("ns", tz="UTC")
    return {
        "id": arrow.int64(),
        "path": arrow.string(),
        "path_bytes": arrow.binary(),
        "digest": arrow.binary(32),
        "size": arrow.int64(),
        "mtime": moment,
        "width": arrow.int32(),
        "height": arrow.int32(),
        "added": moment,
        "incomplete": arrow.bool_(),
        **fact_types(arrow),
        "code": arrow.list_(arrow.float32(), latent_size),
    }


def encoder_entry(metadata: IndexMetadata) -> dict[str, Any]:
    """Return the encoder's entry for a file's metadata."""
    return {
        "name": metadata.encoder_name,
        "sha256": metadata.encoder_sha256,
        "distance": metadata.distance,
        "latent_size": metadata.latent_size,
        "framing": metadata.framing,
    }


def to_batch(rows: Rows, schema: pyarrow.Schema, labels: LabelColumns) -> pyarrow.RecordBatch:
    """Convert rows to a record batch of this schema."""
    arrow = import_pyarrow()
    ids, paths, sizes, mtimes, digests, widths, heights, _, added, incomplete = zip(*rows.records, strict=True)
    contents: dict[str, Any] = {
        "id": ids,
        "path": [printable(path) for path in paths],
        "path_bytes": [None if _is_utf8(path) else os.fsencode(path) for path in paths],
        "digest": digests,
        "size": sizes,
        "mtime": np.array(mtimes, np.int64),
        "width": widths,
        "height": heights,
        "added": _nanoseconds(np.array(added, np.float64)),
        "incomplete": np.array(incomplete, np.bool_),
        **fact_values(rows.facts or [Facts()] * len(ids)),
    }
    arrays = [arrow.array(contents[name], schema.field(name).type) for name in schema.names[: len(contents)]]
    values = {GIVEN: rows.labels, PREDICTED: rows.predicted}
    arrays += [_label_array(values[name], found) for name, found in labels.by_column().items()]
    codes = arrow.array(np.ascontiguousarray(rows.codes, np.float32).ravel())
    arrays.append(arrow.FixedSizeListArray.from_arrays(codes, rows.codes.shape[1]))
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)


def from_batch(batch: pyarrow.RecordBatch, labels: LabelColumns) -> Rows:
    """Convert a batch to rows; column types must be those of `columns`, with nulls in path_bytes and labels only."""
    content = {name: batch.column(name) for name in batch.schema.names}
    paths = [
        os.fsdecode(raw) if raw is not None else text
        for text, raw in zip(content["path"].to_pylist(), content["path_bytes"].to_pylist(), strict=True)
    ]
    moments = {name: np.asarray(content[name].cast("int64")) for name in ("mtime", "added")}
    records = map(
        ImageRecord,
        content["id"].to_pylist(),
        paths,
        content["size"].to_pylist(),
        moments["mtime"].tolist(),
        content["digest"].to_pylist(),
        content["width"].to_pylist(),
        content["height"].to_pylist(),
        [0] * batch.num_rows,
        _seconds(moments["added"]).tolist(),
        map(int, content["incomplete"].to_pylist()) if "incomplete" in content else [0] * batch.num_rows,
    )
    codes = content["code"].flatten().to_numpy(zero_copy_only=False)
    given, predicted = (
        _labels(content.get(name), found, batch.num_rows)
        for name, found in zip((GIVEN, PREDICTED), labels, strict=True)
    )
    facts = facts_in(content, batch.num_rows)
    return Rows(list(records), given, codes.reshape(batch.num_rows, -1), predicted, facts)


def label_columns_of(schema: pyarrow.Schema, name: str) -> list[LabelColumn]:
    """Return the fields of the struct of labels in this column, if any. Raises ValueError for a field of another type.

    name: GIVEN or PREDICTED.
    """
    if name not in schema.names:
        return []
    value_type = schema.field(name).type
    if not import_pyarrow().types.is_struct(value_type):
        raise ValueError(f"its column {name} is {value_type}, not a struct")
    return [_label_column(field) for field in value_type]


def nanoseconds(column: Any) -> Any:
    """Convert times in coarser units, as other programs write them, to clamped nanoseconds; keep other columns."""
    arrow = import_pyarrow()
    if not arrow.types.is_timestamp(column.type) or column.null_count:
        return column
    factor = NANOSECONDS // UNITS_A_SECOND[column.type.unit]
    limit = GREATEST // factor
    return arrow.array(np.clip(np.asarray(column.cast("int64")), -limit, limit) * factor)


def _label_column(field: Any) -> LabelColumn:
    types = import_pyarrow().types
    label = (field.metadata or {}).get(LABEL_KEY, field.name.encode()).decode()
    if types.is_integer(field.type):
        return LabelColumn(field.name, label, "integer")
    if types.is_floating(field.type):
        return LabelColumn(field.name, label, "real")
    if types.is_string(field.type) or types.is_large_string(field.type):
        return LabelColumn(field.name, label, TEXT)
    raise ValueError(f"its label {field.name} is {field.type}, neither a number nor text")


def _columns_of(label: str, value_types: set[str]) -> Iterator[LabelColumn]:
    numbers = [value_type for value_type in NUMBER_TYPES if value_type in value_types]
    if numbers:
        yield LabelColumn(label, label, numbers[-1])
    if TEXT in value_types:
        yield LabelColumn(f"{label}:text" if numbers else label, label, TEXT)


def _label_type(labels: Sequence[LabelColumn]) -> Any:
    arrow = import_pyarrow()
    types = {"integer": arrow.int64(), "real": arrow.float64(), TEXT: arrow.string()}
    return arrow.struct(
        [arrow.field(column.name, types[column.value_type], metadata={LABEL_KEY: column.label}) for column in labels]
    )


def _label_array(values: Sequence[Mapping[str, LabelValue]], labels: Sequence[LabelColumn]) -> Any:
    value_type = _label_type(labels)
    arrays = [
        import_pyarrow().array(
            [value if column.holds(value := of_one.get(column.label)) else None for of_one in values], field.type
        )
        for column, field in zip(labels, value_type, strict=True)
    ]
    return import_pyarrow().StructArray.from_arrays(arrays, fields=list(value_type))


def _labels(struct: Any | None, labels: Sequence[LabelColumn], count: int) -> list[dict[str, LabelValue]]:
    found: list[dict[str, LabelValue]] = [{} for _ in range(count)]
    if struct is None:
        return found
    for column, values in zip(labels, struct.flatten(), strict=True):
        for of_one, value in zip(found, values.to_pylist(), strict=True):
            if value is not None:
                of_one[column.label] = value
    return found


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nanoseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert seconds since 1970 exactly; multiplying whole seconds and fractions together would lose precision."""
    seconds = np.clip(np.nan_to_num(seconds), -SECONDS_AT_MOST, SECONDS_AT_MOST)
    whole = np.floor(seconds)
    parts = np.rint((seconds - whole) * NANOSECONDS)
    return np.asarray(whole.astype(np.int64) * NANOSECONDS + parts.astype(np.int64))


def _seconds(nanoseconds: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(nanoseconds // NANOSECONDS + nanoseconds % NANOSECONDS / NANOSECONDS)
