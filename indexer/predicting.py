"""Labels as an attribute encoder sees them, for images of an index whose labels nobody gave; marked as predicted.

An image is looked at once by each predictor: ids ascend and are never used again, so that the index only notes up to
which id it has come, in the transaction that stores the labels. A given label is never replaced by a predicted one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from indexer.attributes import AttributeEncoder
from indexer.decode import Framing, decode
from indexer.errors import UnreadableImage
from indexer.image_rows import ImageRecord
from indexer.index import Index

IMAGES_AT_ONCE = 512
# Images looked at, and images in all.
Report = Callable[[int, int | None], None]


def predict_labels(
    index: Index, predictor: AttributeEncoder, interrupted: threading.Event, report: Report | None = None
) -> int:
    """Store what a predictor says of the images that it has not seen yet; committed in parts.

    What another predictor said before is forgotten first. Images that cannot be read are left without. Returns how many
    got predicted labels.
    """
    if index.facts.predictor_sha256 != predictor.sha256:
        index.catalog.forget_predicted()
        _note(index, predictor, 0)
    before, total, seen, predicted = index.facts.predicted_until, index.count(), 0, 0
    while not interrupted.is_set() and (some := index.catalog.images_from(before + 1, IMAGES_AT_ONCE)):
        predicted += _predict(index, predictor, some)
        before, seen = some[-1].id, seen + len(some)
        _note(index, predictor, before)
        if report:
            report(seen, total)
    return predicted


def _predict(index: Index, predictor: AttributeEncoder, records: Sequence[ImageRecord]) -> int:
    given = index.labels([record.id for record in records])
    wanted = [record for record in records if not set(predictor.labels) <= given.get(record.id, {}).keys()]
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda record: _decoded(record.path, predictor.framing), wanted))
    readable = [picture for picture in pictures if picture is not None]
    if not readable:
        return 0
    labels = predictor.predict(np.stack(readable))
    ids = compress((record.id for record in wanted), (picture is not None for picture in pictures))
    index.catalog.add_labels(zip(ids, labels, strict=True), predicted=True)
    return len(readable)


def _decoded(path: str, framing: Framing) -> NDArray[np.uint8] | None:
    try:
        return decode(path, framing)
    except UnreadableImage:
        return None


def _note(index: Index, predictor: AttributeEncoder, until: int) -> None:
    index.commit_facts(
        replace(
            index.facts,
            predictor_name=predictor.name,
            predictor_sha256=predictor.sha256,
            predicted_until=until,
        )
    )
