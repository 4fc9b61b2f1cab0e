"""`--set NAME=VALUE`: a search for pictures like the query but with labels set.

What labels look like in codes is learned once from an index's labelled pictures and kept with it, as `directions.npz`;
a search reads no label. It is derived: the file may be deleted at any time, and an index that cannot be written to goes
without.
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
from latentsearch.query import Change

logger = logging.getLogger(__name__)

FILE_NAME = "directions.npz"
# Learned from so many pictures at most, drawn at random; anew when there are so many times as many as then, or as few.
PICTURES, OUTGROWN = 20_000, 1.5
YES_OR_NO = {0, 1}
LIST_LABELS = "`latentsearch labels` lists them"
GET_LABELS = "pictures here have none, and `latentsearch index DIR --predict-labels` tells what faces show"

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class LabelDirections:
    """What was learned from an index: which labels can be set, and how.

    labels: their names. mean, spread, first, second: as `Directions` has them. price: as `EditedRanking` has it.
    counts_for: float32 (labels, 2), as `fit_ranking` gives it. index, count,
    relabelled: the uuid of the index, its pictures at that time, and how often they had got labels anew.
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
        """Whether it was learned from this index, as it is labelled, and from about as many pictures as it has."""
        grown = index.count() / max(self.count, 1)
        is_of_it = (self.index, self.relabelled) == (index.metadata.uuid, index.metadata.relabelled)
        return is_of_it and len(self.mean) == index.latent_size and 1 / OUTGROWN <= grown <= OUTGROWN

    def search(self, index: Index, changes: Sequence[Change]) -> EditedSearch:
        """A search of the index with all changes at once, each of a label that can be set."""
        settings = []
        for change in changes:
            label = self.labels.index(change.label)
            settings.append(Setting(label, change.value, float(self.counts_for[label, change.value])))
        ranking = EditedRanking(Directions(self.mean, self.spread, self.first, self.second), self.price)
        return EditedSearch(index, ranking, settings)

    def save(self, folder: Path) -> None:
        """Keep it with an index, in one step for whoever reads; not where its folder cannot be written to."""
        with contextlib.suppress(OSError), atomic_write(folder / FILE_NAME) as file:
            np.savez(file, allow_pickle=False, **{key: np.array(value) for key, value in asdict(self).items()})

    @classmethod
    def load(cls, folder: Path) -> LabelDirections | None:
        """What was kept with an index; None where nothing was, or it cannot be read."""
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
    """What searches an index with all changes made; None without any.

    Learns first what labels look like where no earlier query did. Raises InputError for a label that the index does not
    have, or not often enough with both values.
    """
    if not changes:
        return None
    wanted = [change.label for change in changes]
    learned = LabelDirections.load(index.folder)
    if learned is None or not learned.fits(index) or not set(wanted) <= set(learned.labels):
        _require_labels(wanted, index)
        logger.info("learning once what labels look like in this index's codes")
        learned = learn(index)
        learned.save(index.folder)
    for label in wanted:
        if label not in learned.labels:
            raise InputError(
                f"{printable(label)} cannot be set: only labels that are 1 or 0 can, with {LEAST_PICTURES} pictures of "
                "each; `latentsearch labels` tells"
            )
    return learned.search(index, changes)


def learn(index: Index, seed: int = 0) -> LabelDirections:
    """Learn from at most PICTURES of an index's pictures how every label can be set that is yes or no."""
    ids = index.vectors.ids()
    ids = np.sort(np.random.default_rng(seed).permutation(ids)[:PICTURES])
    names, values = _values(index, ids)
    usable = settable(values)
    ranking, counts_for = fit_ranking(index.codes(ids.tolist()), values[:, usable], index.distance, seed)
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
    """The names of labels that are 1 or 0 wherever they are, and their values, int8 (n, labels)."""
    labelled = index.labels(ids.tolist())
    found: dict[str, set[object]] = {}
    for labels in labelled.values():
        for name, value in labels.items():
            found.setdefault(name, set()).add(value)
    names = [name for name, values in found.items() if values <= YES_OR_NO]
    rows = [[labelled.get(image_id, {}).get(name, MISSING) for name in names] for image_id in ids.tolist()]
    return names, np.array(rows, np.int8).reshape(len(ids), len(names))


def _require_labels(wanted: Sequence[str], index: Index) -> None:
    names = index.catalog.labels.names()
    advice = LIST_LABELS if names else GET_LABELS
    for label in wanted:
        if label not in names:
            raise InputError(f"no label is called {printable(label)!r}: {advice}")
