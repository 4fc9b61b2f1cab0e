"""Predicts labels with an attribute encoder for images that lack them, and marks these labels as predicted.

Each predictor sees an image once. Since ids ascend and are never reused, the index only stores the last id seen, in the
transaction that stores the labels. A predicted label never replaces a given one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from indexer.catalog.images import ImageRecord
from indexer.encoders.attributes import AttributeEncoder
from indexer.index.writer import IndexWriter
from indexer.progress import Report
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import DecodedChunk, Job, in_chunks

# Workers are restarted for each batch of this size.
IMAGES_AT_ONCE = 4_096


def predict_labels(
    index: IndexWriter,
    predictor: AttributeEncoder,
    interrupted: threading.Event,
    report: Report | None = None,
    memory: int | None = None,
) -> int:
    """Store predicted labels for images that the predictor has not seen yet, committing in parts.

    Labels from another predictor are removed first. Images whose files are unreadable, crash their decoder, or have
    changed since they were indexed get no labels. memory: see DecodingPool. Returns the number of images with new
    predictions.
    """
    if index.metadata.predictor_sha256 != predictor.sha256:
        index.catalog.labels.forget_predicted()
        index.note_predicted(predictor.name, predictor.sha256, 0)
    before, total, seen, predicted = index.metadata.predicted_until, index.count(), 0, 0
    while not interrupted.is_set() and (some := index.catalog.images.from_id(before + 1, IMAGES_AT_ONCE)):
        wanted = _without_labels(index, predictor, some)
        waiting = {path: record.id for path, record in wanted.items()}
        for chunk in _decoded(list(wanted.values()), predictor, memory, interrupted):
            predicted += _predict(index, predictor, chunk, wanted)
            for outcome in chunk.outcomes:
                del waiting[outcome.job.path]
            if report:
                report(seen + len(some) - len(waiting), total)
        # After an interruption, continue at the first image that was not processed.
        before = min(waiting.values()) - 1 if waiting else some[-1].id
        seen += len(some)
        index.note_predicted(predictor.name, predictor.sha256, before)
    return predicted


def _without_labels(
    index: IndexWriter, predictor: AttributeEncoder, records: Sequence[ImageRecord]
) -> dict[str, ImageRecord]:
    """Return the images, by path, that lack at least one of the predictor's labels."""
    known = index.labels([record.id for record in records])
    names = set(predictor.labels)
    return {record.path: record for record in records if not names <= known.get(record.id, {}).keys()}


def _decoded(
    records: Sequence[ImageRecord], predictor: AttributeEncoder, memory: int | None, interrupted: threading.Event
) -> Iterator[DecodedChunk]:
    jobs = (Job(record.path, record.size, record.mtime_ns) for record in records)
    with DecodingPool(predictor.framing, in_chunks(jobs), memory=memory) as pool:
        for chunk in filter(None, pool.results()):
            yield chunk
            if interrupted.is_set():
                return


def _predict(
    index: IndexWriter, predictor: AttributeEncoder, chunk: DecodedChunk, records: dict[str, ImageRecord]
) -> int:
    """Predict labels for the pictures of a chunk whose files are unchanged; return their number."""
    same = [
        outcome
        for outcome in chunk.outcomes
        if not outcome.reason and outcome.digest == records[outcome.job.path].digest
    ]
    if same:
        labels = predictor.predict(chunk.pixels[[outcome.row for outcome in same]])
        ids = (records[outcome.job.path].id for outcome in same)
        index.catalog.labels.add(zip(ids, labels, strict=True), predicted=True)
    return len(same)
