"""Learn the label directions of an index for `query --set NAME=VALUE`, and keep them in the index folder.

The directions are learned once from the labelled pictures of the index and stored as `directions.npz`; a search itself
reads no labels. The file is derived data: it may be deleted at any time, and is not written to a read-only index.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.index.index import Index
from indexer.paths import printable
from indexer.system.disk import atomic_write
from latentsearch.attributes.directions import MISSING, Directions, Values
from latentsearch.attributes.ranking import LEAST_PICTURES, EditedRanking, Setting, fit_ranking, settable
from latentsearch.attributes.search import EditedSearch
from latentsearch.notation import Change

logger = logging.getLogger(__name__)

FILE_NAME = "directions.npz"
# Directions are learned from at most PICTURES pictures, drawn at random, and again when the index has grown or shrunk
# by the factor OUTGROWN.
PICTURES, OUTGROWN = 20_000, 1.5
YES_OR_NO = {0, 1}
LIST_LABELS = "`latentsearch labels` lists them"
GET_LABELS = "the index has no labels; `latentsearch index DIR --predict-labels` predicts 18 attributes of faces"

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class LabelDirections:
    """The directions learned from an index: which labels can be set, and how.

    labels: the names of the labels that can be set. mean, spread, first, second: the fields of `Directions`.
    price: as in `EditedRanking`. counts_for: float32 (labels, 2), the weights of setting 0 and 1, from `fit_ranking`.
    index, count, relabelled: the index they were learned from: its uuid, its number of pictures then, and how often
    its labels had changed.
    """

    labels: tuple[str, ...]
    mean: Codes
    spread: float
    first: Codes
    second: Codes
    price: float
    counts_for: Codes
    index: str
    count: int
    relabelled: int

    def fits(self, index: Index) -> bool:
        """Whether these were learned from this index, with its current labels and at about its current size."""
        grown = index.count() / max(self.count, 1)
        is_current = (self.index, self.relabelled) == (index.metadata.uuid, index.metadata.relabelled)
        return is_current and len(self.mean) == index.latent_size and 1 / OUTGROWN <= grown <= OUTGROWN

    def search(self, index: Index, changes: Sequence[Change]) -> EditedSearch:
        """Make a search of the index with all changes applied; every label must be in `labels`."""
        settings = []
        for change in changes:
            label = self.labels.index(change.label)
            settings.append(Setting(label, change.value, float(self.counts_for[label, change.value])))
        ranking = EditedRanking(Directions(self.mean, self.spread, self.first, self.second), self.price)
        return EditedSearch(index, ranking, settings)

    def save(self, folder: Path) -> None:
        """Write the directions to an index folder atomically; do nothing if the folder is read-only."""
        with contextlib.suppress(OSError), atomic_write(folder / FILE_NAME) as file:
            np.savez(file, allow_pickle=False, **{key: np.array(value) for key, value in asdict(self).items()})

    @classmethod
    def load(cls, folder: Path) -> LabelDirections | None:
        """Read the directions from an index folder; None if the file is missing or damaged."""
        try:
            with open(folder / FILE_NAME, "rb") as file, np.load(file, allow_pickle=False) as stored:
                found = cls(
                    tuple(map(str, stored["labels"])),
                    stored["mean"],
                    float(stored["spread"]),
                    stored["first"],
                    stored["second"],
                    float(stored["price"]),
                    stored["counts_for"],
                    str(stored["index"]),
                    int(stored["count"]),
                    int(stored["relabelled"]),
                )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return found if found._is_whole() else None

    def _is_whole(self) -> bool:
        labels, size = len(self.labels), self.mean.size
        shapes = [(size,), (size + 1, labels), (size + labels + 1, labels), (labels, 2)]
        arrays = (self.mean, self.first, self.second, self.counts_for)
        is_finite = all(np.isfinite(numbers).all() for numbers in (*arrays, self.spread, self.price))
        return is_finite and [array.shape for array in arrays] == shapes and self.spread > 0


def load_or_learn(changes: Sequence[Change], index: Index) -> EditedSearch | None:
    """Return a search of the index with all changes applied; None without changes.

    Learns the directions first if no earlier query stored them, or if they are out of date. Raises InputError for a
    label that the index does not have, that has values other than 0 and 1, or that is 0 or 1 for fewer than
    LEAST_PICTURES pictures.
    """
    if not changes:
        return None
    wanted = [change.label for change in changes]
    learned = LabelDirections.load(index.folder)
    if learned is None or not learned.fits(index) or not set(wanted) <= set(learned.labels):
        _require_labels(wanted, index)
        logger.info("learning the label directions of this index; later queries reuse them")
        learned = learn(index)
        learned.save(index.folder)
    for label in wanted:
        if label not in learned.labels:
            raise InputError(
                f"{printable(label)} cannot be set: a label must be 1 for {LEAST_PICTURES} pictures or more and 0 for "
                f"{LEAST_PICTURES} or more, without other values; `latentsearch labels` shows the counts"
            )
    return learned.search(index, changes)


def learn(index: Index, seed: int = 0) -> LabelDirections:
    """Learn the directions of all labels that can be set, from at most PICTURES pictures of the index."""
    ids = index.vectors.ids()
    ids = np.sort(np.random.default_rng(seed).permutation(ids)[:PICTURES])
    names, values = _values(index, ids)
    usable = settable(values)
    predicted = _predicted_share(index, ids, values)
    ranking, counts_for = fit_ranking(index.codes(ids.tolist()), values[:, usable], index.distance, seed, predicted)
    return LabelDirections(
        tuple(name for name, is_usable in zip(names, usable, strict=True) if is_usable),
        *ranking.directions,
        ranking.price,
        counts_for,
        index.metadata.uuid,
        index.count(),
        index.metadata.relabelled,
    )


def _values(index: Index, ids: NDArray[np.int64]) -> tuple[list[str], Values]:
    """Return the names of the labels whose values are all 1 or 0, and these values, int8 (n, labels)."""
    labelled = index.labels(ids.tolist())
    found: dict[str, set[object]] = {}
    for labels in labelled.values():
        for name, value in labels.items():
            found.setdefault(name, set()).add(value)
    names = [name for name, values in found.items() if values <= YES_OR_NO]
    rows = [[labelled.get(image_id, {}).get(name, MISSING) for name in names] for image_id in ids.tolist()]
    return names, np.array(rows, np.int8).reshape(len(ids), len(names))


def _predicted_share(index: Index, ids: NDArray[np.int64], values: Values) -> float:
    """Return the share of the known values that were predicted, 0 to 1."""
    known = int(np.count_nonzero(values != MISSING))
    return min(sum(map(len, index.predicted_labels(ids.tolist()).values())) / max(known, 1), 1.0)


def _require_labels(wanted: Sequence[str], index: Index) -> None:
    names = index.catalog.labels.names()
    advice = LIST_LABELS if names else GET_LABELS
    for label in wanted:
        if label not in names:
            raise InputError(f"no label is called {printable(label)!r}: {advice}")
