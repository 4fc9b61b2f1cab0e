"""The catalogue's labels, given and predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select

from indexer.catalog.schema import LABEL, LABEL_VALUE
from indexer.catalog.sqlite import Statements

# Rows per INSERT: statements with many rows take half the time of one statement per row.
LABELS_AT_ONCE = 256

LabelValue = int | float | str


class Labels(Statements):
    """The labels of images, by image id.

    first_new: the first id that did not exist when the catalogue was opened for writing. relabelled: whether older
    images got labels since the last commit.
    """

    relabelled = False

    def __init__(self, connection: Connection, first_new: int = 0) -> None:
        super().__init__(connection)
        self.first_new = first_new

    def of_ids(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """Return the labels of images that have any, each in order of first appearance."""
        found: dict[int, dict[str, LabelValue]] = {}
        for image_id, name, value in self._fast.labels(ids):
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
        if values:
            self._fast.add_labels(label_id, ids, values, predicted)

    def predicted(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """Return the names of predicted labels of images that have any."""
        found: dict[int, set[str]] = {}
        for image_id, name, _ in self._fast.predicted_labels(ids):
            found.setdefault(image_id, set()).add(name)
        return found

    def forget_predicted(self) -> None:
        """Remove every predicted label."""
        self._connection.execute(delete(LABEL_VALUE).where(LABEL_VALUE.c.predicted == 1))

    def _label_ids(self, names: Sequence[str]) -> list[int]:
        """Return the ids of labels by name, adding new labels."""
        there = {name: label_id for label_id, name in self.rows(select(LABEL.c.id, LABEL.c.name))}
        for name in names:
            if name not in there:
                added = self._connection.execute(insert(LABEL).values(name=name)).inserted_primary_key
                there[name] = int(added[0]) if added else 0
        return [there[name] for name in names]
