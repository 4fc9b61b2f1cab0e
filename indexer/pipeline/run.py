"""Folders -> an index: discover, decode, encode and store, overlapped, so that all cores work.

Workers read, hash and decode a few chunks ahead, threads encode what is decoded, and this one stores it. Killed at any
moment, a run loses what was not committed, and the next goes on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from indexer.encoders.attributes import AttributeEncoder
from indexer.encoders.encoder import Encoder
from indexer.errors import InputError
from indexer.files.passed import Passed, in_words
from indexer.index.writer import IndexWriter
from indexer.numbers import FIRST_ID
from indexer.paths import printable
from indexer.pipeline.catalog_lookup import CatalogLookup
from indexer.pipeline.encoding import EncodingPool
from indexer.pipeline.labels import LabelCache, LabelStore
from indexer.pipeline.plan import Count, Plan
from indexer.pipeline.predict_labels import predict_labels
from indexer.pipeline.read_ahead import Reading
from indexer.pipeline.scope import Scope
from indexer.pipeline.store import Store
from indexer.pipeline.summary import Summary
from indexer.pipeline.vanished import Prune, forget_failures, is_drive, take_vanished
from indexer.progress import Report, StepReport
from indexer.system.interrupts import interruptible
from indexer.vectors.build import check_device
from indexer.workers.chunks import in_chunks
from indexer.workers.decode_worker import DecodedChunk
from indexer.workers.pool import DecodingPool


class Vectors(NamedTuple):
    """What is asked of the base, as indexer.index.maintenance.derive takes it; None for what was asked last."""

    kind: str | None = None
    recall: float | None = None
    device: str = "cpu"


class IndexOptions(NamedTuple):
    """What is asked of a run; see `index_folders`. label_cache: for label files that were looked at before.

    predictor: what predicts the labels that are not given, None for nothing. retry_failed: try again all that failed.
    rehash: read every file, whatever its size and time of change. memory: the cap on what the run takes, in bytes, None
    for that of `indexer.system.memory.memory_cap`.
    """

    prune: Prune = Prune.NO
    labels: Path | None = None
    vectors: Vectors = Vectors()
    label_cache: LabelCache | None = None
    predictor: AttributeEncoder | None = None
    retry_failed: bool = False
    rehash: bool = False
    memory: int | None = None


def check_sources(scope: Scope, options: IndexOptions, may_be_empty: bool = False) -> None:
    """Look at what an index is to be made of, before it is made.

    Raises InputError where a folder does not exist, none of them holds a picture (they may be empty where they are
    watched), or a label file cannot be read.
    """
    passed = Passed()
    if next(scope.files(passed), None) is None and not may_be_empty:
        instead = f" (passed over: {in_words(passed.by_type())})" if passed.counts else ""
        raise InputError(f"no pictures in {', '.join(map(printable, scope.folders))}{instead}")
    (options.label_cache or LabelCache()).read(scope.folders, [] if options.labels is None else [options.labels])


def index_folders(
    index: IndexWriter,
    encoder: Encoder,
    folders: Sequence[str | Path],
    *,
    prune: Prune = Prune.NO,
    labels: Path | None = None,
    vectors: Vectors = Vectors(),  # noqa: B008 - immutable
    report: Report | None = None,
    report_base: StepReport | None = None,
) -> Summary:
    """Bring an index, open for writing, up to date with the pictures in folders.

    prune: whether to remove images whose files have vanished from these folders. labels: a label file beside CelebA's
    own, which are found. vectors: what is asked of the base. report: called several times a second; report_base: while
    a base is made. Raises InputError for a folder or label file that is missing, for a kind that FAISS does not know,
    and for a full disk; KeyboardInterrupt after Ctrl-C. What was done until then is kept.
    """
    options = IndexOptions(prune, labels, vectors)
    return index_scope(index, encoder, Scope(folders), options, report, report_base)


def index_scope(
    index: IndexWriter,
    encoder: Encoder,
    scope: Scope,
    options: IndexOptions,
    report: Report | None = None,
    report_base: StepReport | None = None,
    reading: Reading | None = None,
) -> Summary:
    """Bring an index, open for writing, up to date with what a scope says; the rest as `index_folders`.

    reading: of the same scope, that was begun when there was no index yet; of use if nobody else has filled it since.
    """
    start = time.perf_counter()
    check_device(options.vectors.device)
    passed = Passed()
    files = scope.files(passed)
    label_store = LabelStore(index.catalog, scope.folders, options.labels, options.label_cache)
    with interruptible() as interrupted, ExitStack() as stack:
        if reading is None or index.catalog.next_id() != FIRST_ID:
            known = CatalogLookup(stack.enter_context(index.catalog.beside()), index.catalog.next_id())
            plan = Plan(known, passed, retry_failed=options.retry_failed, rehash=options.rehash)
            reading = stack.enter_context(Reading(files, encoder.framing, plan, options.memory))
        plan = reading.plan
        store = Store(index, plan, label_store)
        count = Count(scope.estimate()) if report else None
        if count:
            count.start()

        def show() -> None:
            if report and count:
                done = plan.unchanged + plan.still_failing + store.done
                report(done, count.total if count.total is None else max(count.total, done))

        _store_all(store, plan, encoder, reading.results(), interrupted, show)
        while store.again and not interrupted.is_set():
            with DecodingPool(encoder.framing, in_chunks(store.take_again()), memory=options.memory) as pool:
                _store_all(store, plan, encoder, pool.results(), interrupted, show)
        if interrupted.is_set():
            store.commit()
            raise KeyboardInterrupt
        label_store.write()
        plan.note_unreadable()
        for path in filter(scope.comes_by, label_store.files):
            plan.passed.take_back(path)
        forget_failures(index.catalog, scope.paths(), plan)
        vanished = take_vanished(index.catalog, scope.paths(), scope.named, plan, options.prune, index.metadata.drives)
        index.change(drives=_drives(index, plan.passed.drives))
        label_store.finish()
        store.commit()
        predicted = _predict(index, options, interrupted, report)
        if interrupted.is_set():
            raise KeyboardInterrupt
        index.rebuild(options.vectors.kind, options.vectors.recall, options.vectors.device, report_base)
    return Summary.of(plan, store, vanished, predicted, time.perf_counter() - min(start, reading.began))


def _drives(index: IndexWriter, found: Sequence[str]) -> tuple[str, ...]:
    """The folders that are drives of their own, or were and have pictures still."""
    known = (drive for drive in index.metadata.drives if is_drive(drive) or any(index.catalog.images_under(drive)))
    return tuple(sorted({*found, *known}))


def _store_all(
    store: Store,
    plan: Plan,
    encoder: Encoder,
    decoded: Iterator[DecodedChunk | None],
    interrupted: threading.Event,
    show: Callable[[], None],
) -> None:
    """Encode decoded chunks and store what comes of them, and the problems that the plan meets meanwhile."""
    with EncodingPool(encoder, decoded) as encoding:
        for encoded in encoding.results():
            store.note(plan.take_problems(), plan.take_recovered())
            if encoded is not None:
                store.add(encoded)
            show()
            if interrupted.is_set():
                return
    store.note(plan.take_problems(), plan.take_recovered())


def _predict(index: IndexWriter, options: IndexOptions, interrupted: threading.Event, report: Report | None) -> int:
    if options.predictor is None:
        return 0
    return predict_labels(index, options.predictor, interrupted, report, options.memory)
