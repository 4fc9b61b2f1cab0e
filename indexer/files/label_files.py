"""Reads label files into labels per picture: CelebA's own three files, and any CSV with a header."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from indexer.errors import InputError
from indexer.files.discover import CELEBA_FILES, find_celeba_files
from indexer.numbers import whole_number
from indexer.paths import printable

Label = int | float | str
Row = tuple[int, list[str]]
Contents = tuple[tuple[str, ...], dict[str, tuple[Label | None, ...]]]
Parsed = TypeVar("Parsed")
DELIMITERS = ",;\t"
# Values with leading zeros are text, such as postcodes.
WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class LabelTable:
    """The labels of one file: column names, and the values of each picture, None where one is missing.

    rows: keyed by file name or path, as written in the file. within: label only pictures below this folder, None for
    any.
    """

    names: tuple[str, ...]
    rows: dict[str, tuple[Label | None, ...]]
    within: str | None = None

    def of(self, path: str) -> dict[str, Label]:
        """Return the labels of the picture at an absolute path."""
        return {name: value for name, value in zip(self.names, self.row(path), strict=False) if value is not None}

    def row(self, path: str) -> tuple[Label | None, ...]:
        """Return a picture's values from the row that matches the longest end of its path; () if none does."""
        return self.rows_of([path])[0]

    def rows_of(self, paths: Sequence[str]) -> list[tuple[Label | None, ...]]:
        """Return the rows of several pictures."""
        rows, prefix = self.rows, self._prefix
        if self._depth == 0:  # the rows are keyed by bare names, as in most label files
            return [rows.get(path.rpartition(os.sep)[2], ()) if path.startswith(prefix) else () for path in paths]
        return [self._row(path) if path.startswith(prefix) else () for path in paths]

    def _row(self, path: str) -> tuple[Label | None, ...]:
        return next((self.rows[end] for end in _endings(path, self._depth) if end in self.rows), ())

    @cached_property
    def _prefix(self) -> str:
        return "" if self.within is None else os.path.join(self.within, "")

    @cached_property
    def _depth(self) -> int:
        return max((name.count(os.sep) for name in self.rows), default=0)


class Labels:
    """The labels of several files; if two give a picture the same label, the later file wins."""

    def __init__(self, tables: Iterable[LabelTable] = ()) -> None:
        self.tables = list(tables)

    def of(self, path: str) -> dict[str, Label]:
        """Return the labels of the picture at an absolute path, {} if it has none."""
        labels: dict[str, Label] = {}
        for table in self.tables:
            labels |= table.of(path)
        return labels


def load_labels(folders: Iterable[str | Path] = (), files: Iterable[str | Path] = ()) -> Labels:
    """Read CelebA's label files in or beside these folders, then the given files.

    Raises InputError with the file, the line and the problem.
    """
    tables = [read_label_file(path, within=path.parent) for path in find_celeba_files(folders)]
    return Labels([*tables, *(read_label_file(path) for path in files)])


def parse_label(text: str) -> Label:
    """Convert a value as if it were the only one in a CSV column: to int, float or str."""
    return _parser_of([text])(text)


def read_label_file(path: str | Path, within: str | Path | None = None) -> LabelTable:
    """Read one label file: CelebA's by their names, any other as a CSV whose first column is a file name or path.

    A column is int if all its values are, else float if all are numbers, else str; empty cells are skipped. Raises
    InputError with the line and the problem.
    """
    path = Path(path)
    read = CELEBA_READERS.get(path.name, _read_csv)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            names, rows = read(path, file)
    except OSError as error:
        raise InputError(f"{printable(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{printable(path)} is not a label file: it is not UTF-8 text") from error
    return LabelTable(names, rows, None if within is None else os.path.abspath(within))


def _read_attributes(path: Path, lines: Iterable[str]) -> Contents:
    """Read a count (ignored, since partial copies keep the original's), names, then `file ±1 …` as 1 and 0."""
    rows = _split_lines(lines)
    next(rows, None)
    _, names = next(rows, (0, []))
    if not names:
        raise InputError(f"{path}, line 2: the names of the attributes are missing")
    signs = {"1": 1, "-1": 0}
    return tuple(names), _collect(path, rows, len(names), signs.__getitem__, "1 or -1")


def _read_partition(path: Path, lines: Iterable[str]) -> Contents:
    partitions = {"0": 0, "1": 1, "2": 2}
    return ("partition",), _collect(path, _split_lines(lines), 1, partitions.__getitem__, "0, 1 or 2")


def _read_identity(path: Path, lines: Iterable[str]) -> Contents:
    return ("identity",), _collect(path, _split_lines(lines), 1, whole_number, "a whole number of 64 bits")


def _read_csv(path: Path, lines: Iterable[str]) -> Contents:
    lines = iter(lines)
    header = next(lines, "")
    delimiter = max(DELIMITERS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    _check_header(path, names)
    cells = _collect(path, _csv_rows(path, lines, delimiter), len(names) - 1, str.strip, "text")
    return tuple(names[1:]), _typed(cells)


CELEBA_READERS: dict[str, Callable[[Path, Iterable[str]], Contents]] = dict(
    zip(CELEBA_FILES, (_read_attributes, _read_partition, _read_identity), strict=True)
)


def _split_lines(lines: Iterable[str]) -> Iterator[Row]:
    return ((number, cells) for number, line in enumerate(lines, 1) if (cells := line.split()))


def _csv_rows(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(row):
                yield reader.line_num + 1, row
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num + 1}: {error}") from error


def _check_header(path: Path, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise InputError(f"{path}, line 1: a header is needed, such as `file,label`: the file name first, then labels")
    if "" in names[1:] or len(set(names)) < len(names):
        raise InputError(f"{path}, line 1: every column needs a name of its own")


def _collect(
    path: Path, rows: Iterable[Row], columns: int, parse: Callable[[str], Parsed], expected: str
) -> dict[str, tuple[Parsed, ...]]:
    """Check rows of a picture's name and `columns` values, and return the parsed values by name."""
    collected: dict[str, tuple[Parsed, ...]] = {}
    for line, (name, *values) in rows:
        if len(values) != columns:
            raise InputError(f"{path}, line {line}: labels: {len(values)} given, {columns} expected")
        try:
            parsed = tuple(map(parse, values))
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}, line {line}: a label of {name} is not {expected}") from error
        key = name.strip()
        if os.sep in key:
            key = os.path.normpath(key)
        if not key or key in collected:
            raise InputError(
                f"{path}, line {line}: " + (f"{name} was labelled before" if key else "the file name is missing")
            )
        collected[key] = parsed
    return collected


def _typed(cells: dict[str, tuple[str, ...]]) -> dict[str, tuple[Label | None, ...]]:
    parsers = [_parser_of(column) for column in zip(*cells.values(), strict=True)]
    return {
        name: tuple(parse(value) if value else None for parse, value in zip(parsers, row, strict=True))
        for name, row in cells.items()
    }


def _parser_of(column: Iterable[str]) -> Callable[[str], Label]:
    """Return the parser for a column's values: int, float or str."""
    values = {value for value in column if value}
    if all(WHOLE.fullmatch(value) for value in values):
        return int
    leading_zeros = any(re.match(r"[+-]?0\d", value) for value in values)
    if not leading_zeros and all(NUMBER.fullmatch(value) and math.isfinite(float(value)) for value in values):
        return float
    return str


def _endings(path: str, depth: int) -> Iterator[str]:
    """Yield the path itself, then its last depth + 1 parts, and so on down to the bare name."""
    yield path
    parts = path.strip(os.sep).rsplit(os.sep, depth + 1)[-depth - 1 :]
    for start in range(len(parts)):
        yield os.sep.join(parts[start:])
