"""Read files of vectors that another program computed, .npy and Parquet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.paths import printable

if TYPE_CHECKING:
    import pyarrow

NPY, PARQUET = b"\x93NUMPY", b"PAR1"
# The column of paths in a Parquet file, unless another is named.
PATH_COLUMNS = ("path", "file", "filename", "image_path", "image")

# Columns that every export has.
EXPORTED = frozenset(["id", "path_bytes", "digest", "size", "mtime", "added", "code"])


def holds_vectors(file: Path) -> bool:
    """Return whether a file has vectors of another program: .npy, or Parquet with lists of numbers, not an export."""
    try:
        with open(file, "rb") as opened:
            start = opened.read(len(NPY))
    except OSError:
        return False
    if not start.startswith(PARQUET):
        return start == NPY
    from indexer.parquet.schema import KEY

    try:
        schema = _parquet_of(file).schema_arrow
    except InputError:
        return False
    # An export stays one if its metadata or a column's name is damaged, and is refused as such.
    is_export = KEY in (schema.metadata or {}) or len(EXPORTED.intersection(schema.names)) > len(EXPORTED) // 2
    return not is_export and any(map(_is_vector, schema))


def read_vectors(
    file: Path, paths: str | Path | None = None, vectors: str | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """Read paths and vectors, float32 (n, d), of a .npy or Parquet file. Raises InputError as `import_vectors`."""
    try:
        with open(file, "rb") as opened:
            is_npy = opened.read(len(NPY)) == NPY
    except OSError as error:
        raise refusal(file, error.strerror or "it cannot be read") from error
    if not is_npy:
        return _of_parquet(file, None if paths is None else str(paths), vectors)
    if paths is None:
        raise refusal(file, "it has no paths: name a text file that has one path per line with --paths")
    names, rows = _lines(Path(paths)), read_npy(file)
    if rows.ndim != 2 or not rows.size:
        raise refusal(file, f"its shape is {rows.shape}, not (n, d)")
    if len(names) != len(rows):
        raise refusal(file, f"it has {len(rows)} vectors, and {printable(paths)} has {len(names)} paths")
    return names, rows


def read_npy(file: Path) -> NDArray[np.float32]:
    """Read the numbers of a .npy file as float32. Raises InputError if they are none or the file is damaged."""
    try:
        numbers = np.load(file, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{printable(file)} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, MemoryError) as error:
        raise InputError(f"{printable(file)} is not a whole .npy file of numbers") from error
    if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "fiu":
        raise InputError(f"{printable(file)} is not a whole .npy file of numbers")
    with np.errstate(over="ignore"):  # infinity is refused later, with its path
        return numbers.astype(np.float32)


def _lines(file: Path) -> list[str]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{printable(file)} cannot be read: {error.strerror}") from error
    return [os.fsdecode(line.rstrip(b"\r")) for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line]


def _parquet_of(file: Path) -> Any:
    from indexer.parquet.schema import import_pyarrow

    arrow = import_pyarrow()
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(file)
    except (OSError, arrow.ArrowException, UnicodeDecodeError) as error:
        raise refusal(file, "it is not a whole Parquet file") from error


def _of_parquet(file: Path, paths: str | None, vectors: str | None) -> tuple[list[str], NDArray[np.float32]]:
    opened = _parquet_of(file)
    schema = opened.schema_arrow
    lists = [field.name for field in schema if _is_vector(field)]
    vectors = _column(file, schema.names, vectors, lists, "vectors")
    paths = _column(file, schema.names, paths, [name for name in PATH_COLUMNS if name in schema.names][:1], "paths")
    if vectors not in lists:
        raise refusal(file, f"its column {printable(vectors)} has no lists of numbers")
    try:
        table = opened.read([paths, vectors])
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise refusal(file, "it is damaged") from error
    names = table.column(paths).to_pylist()
    if any(not isinstance(name, str) or not name for name in names):
        raise refusal(file, f"its column {printable(paths)} has a row without a path")
    return names, _rows(file, names, table.column(vectors).combine_chunks())


def _column(file: Path, columns: list[str], wanted: str | None, found: list[str], what: str) -> str:
    """Return the column that the user named, or the only one found."""
    listed = ", ".join(map(printable, columns))
    if wanted is not None:
        if columns.count(wanted) != 1:
            raise refusal(file, f"it has no column {printable(wanted)}; its columns are {listed}")
        return wanted
    if len(found) != 1:
        raise refusal(file, f"its column of {what} is unknown: name it with --{what}; its columns are {listed}")
    return found[0]


def _rows(file: Path, names: list[str], column: pyarrow.Array) -> NDArray[np.float32]:
    from pyarrow import compute

    if column.null_count:
        raise refusal(file, f"{printable(names[column.is_null().index(True).as_py()])} has no vector")
    lengths = compute.list_value_length(column).to_numpy(zero_copy_only=False)
    if not len(lengths) or not lengths[0]:
        raise refusal(file, "it has no vectors")
    if (lengths != lengths[0]).any():
        other = int((lengths != lengths[0]).argmax())
        raise refusal(
            file, f"{printable(names[0])} has {lengths[0]} numbers, and {printable(names[other])} {lengths[other]}"
        )
    # A missing number becomes NaN, which is refused with its path.
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        rows: NDArray[np.float32] = numbers.astype(np.float32).reshape(len(names), -1)
    return rows


def _is_vector(field: pyarrow.Field) -> bool:
    from pyarrow import types

    kind = field.type
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)))


def refusal(file: Path, reason: str) -> InputError:
    """Return the error for a file of vectors that is refused."""
    return InputError(f"{printable(file)} cannot be imported: {reason}")
