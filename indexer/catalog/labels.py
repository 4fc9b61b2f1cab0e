"""The catalogue's labels, given and predicted, and the files they came from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import delete, func, select

from indexer.catalog.connection import Statements
from indexer.catalog.schema import LABEL, LABEL_SOURCE, LABEL_VALUE

# Rows per INSERT: statements with many rows take half the time of one statement per row.
LABELS_AT_ONCE = 256

# CROSS JOIN fixes the join order; otherwise SQLite may scan all values of a label.
LABELS_OF_IDS = (
    "SELECT image_id, name, value FROM label CROSS JOIN label_value ON label_id = label.id "
    "WHERE image_id IN (?) ORDER BY label.id"
)
# Values of label ?1. A predicted value replaces only a predicted one.
ADD_GIVEN = "REPLACE INTO label_value (label_id, image_id, value, predicted) VALUES {}"
ADD_PREDICTED = (
    "INSERT INTO label_value (label_id, image_id, value, predicted) VALUES {} "
    "ON CONFLICT DO UPDATE SET value = excluded.value WHERE predicted = 1"
)
PREDICTED_OF_IDS = (
    "SELECT image_id, name FROM label CROSS JOIN label_value ON label_id = label.id "
    "WHERE image_id IN (?) AND predicted = 1 ORDER BY label.id"
)

LabelValue = int | float | str


class Labels(Statements):
    """The labels of images, by image id.

    first_new: the first id that did not exist when the catalogue was opened for writing. relabelled: whether older
    images got labels since the last commit.
    """

    relabelled = False
    first_new = 0

    def of_ids(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """Return the labels of images that have any, each in order of first appearance."""
        found: dict[int, dict[str, LabelValue]] = {}
        for image_id, name, value in self._of_ids(LABELS_OF_IDS, ids):
            found.setdefault(image_id, {})[name] = value
        return found

    def names(self) -> list[str]:
        """Return all label names in order of first appearance."""
        return list(self._connection.execute(select(LABEL.c.name).order_by(LABEL.c.id)).scalars())

    def types(self, predicted: bool = False) -> dict[str, set[str]]:
        """Return the types of each label's given or predicted values: a subset of "integer", "real" and "text"."""
        value_type = func.typeof(LABEL_VALUE.c.value)
        found: dict[str, set[str]] = {}
        for number, name in self.rows(select(LABEL.c.id, LABEL.c.name).order_by(LABEL.c.id)):
            of_label = select(value_type).where(LABEL_VALUE.c.label_id == number)
            found[name] = {row[0] for row in self.rows(of_label.where(LABEL_VALUE.c.predicted == predicted).distinct())}
        return found

    def add(self, labels: Iterable[tuple[int, Mapping[str, LabelValue]]], predicted: bool = False) -> None:
        """Label images by id, replacing earlier values of the same labels.

        predicted: whether the values are predicted; these replace only predicted ones.
        """
        given = list(labels)
        names = list(dict.fromkeys(name for _, values in given for name in values))
        rows = [(image_id, [values.get(name) for name in names]) for image_id, values in given]
        self.add_rows(names, rows, predicted)

    def add_rows(
        self, names: Sequence[str], rows: Sequence[tuple[int, Sequence[LabelValue | None]]], predicted: bool = False
    ) -> None:
        """Store a table as `add` does: label names, and each image's id and values, with None for a missing value."""
        if not names or not rows:
            return
        ids, values = zip(*rows, strict=True)
        self.relabelled |= min(ids) < self.first_new
        # Follow the order of the table, label by label, which takes half the time of inserting row by row.
        columns = zip(self._label_ids(names), zip(*values, strict=True), strict=True)
        for label_id, column in sorted(columns, key=lambda pair: pair[0]):
            for start in range(0, len(ids), LABELS_AT_ONCE):
                some = slice(start, start + LABELS_AT_ONCE)
                self._add_column(label_id, ids[some], column[some], predicted)

    def _add_column(
        self, label_id: int, ids: Sequence[int], values: Sequence[LabelValue | None], predicted: bool
    ) -> None:
        """Store one label for several images, skipping None."""
        if None in values:
            given = [row for row in zip(ids, values, strict=True) if row[1] is not None]
            ids, values = [row[0] for row in given], [row[1] for row in given]
        if not values:
            return
        statement = ADD_PREDICTED if predicted else ADD_GIVEN
        cells: list[Any] = [None] * (2 * len(ids))
        cells[0::2], cells[1::2] = ids, values
        self._execute_directly(statement.format(_label_marks(len(ids), predicted)), [label_id, *cells])

    def predicted(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """Return the names of predicted labels of images that have any."""
        found: dict[int, set[str]] = {}
        for image_id, name in self._of_ids(PREDICTED_OF_IDS, ids):
            found.setdefault(image_id, set()).add(name)
        return found

    def forget_predicted(self) -> None:
        """Remove every predicted label."""
        self._connection.exec_driver_sql("DELETE FROM label_value WHERE predicted = 1")

    def sources(self) -> dict[str, bytes]:
        """Return the label files whose values have all been stored: path to SHA-256 of the content."""
        return {path: digest for path, digest in self._connection.execute(select(LABEL_SOURCE))}

    def set_sources(self, sources: Mapping[str, bytes]) -> None:
        """Replace the set of label files whose values have all been stored."""
        self._connection.execute(delete(LABEL_SOURCE))
        rows = [(os.fsencode(path), digest) for path, digest in sources.items()]
        if rows:
            self._connection.exec_driver_sql("INSERT INTO label_source VALUES (?, ?)", rows)

    def _label_ids(self, names: Sequence[str]) -> list[int]:
        """Return the ids of labels by name, adding new labels."""
        there = {name: label_id for label_id, name in self._execute_directly("SELECT id, name FROM label", ())}
        for name in names:
            if name not in there:
                added = self._execute_directly("INSERT INTO label (name) VALUES (?)", (name,)).lastrowid
                there[name] = int(added or 0)
        return [there[name] for name in names]


@cache
def _label_marks(count: int, predicted: bool) -> str:
    """Return placeholders for `count` rows of label ?1, each with an image id and a value."""
    return ", ".join(f"(?1, ?{number}, ?{number + 1}, {int(predicted)})" for number in range(2, 2 * count + 2, 2))
