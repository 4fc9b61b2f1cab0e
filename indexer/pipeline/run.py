"""Brings an index up to date with folders: discovers, decodes, encodes and stores, overlapped to use all cores.

Workers read, hash and decode a few chunks ahead, threads encode decoded chunks, and the main thread stores the results.
A run that is killed loses only uncommitted work; the next one continues from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from indexer.encoders.encoder import Encoder
from indexer.errors import InputError
from indexer.files.passed import Passed, in_words
from indexer.index.writer import IndexWriter
from indexer.numbers import FIRST_ID
from indexer.paths import printable
from indexer.pipeline.encoding import EncodingPool
from indexer.pipeline.labels import LabelCache, LabelStore
from indexer.pipeline.plan import Count, Plan, Reading
from indexer.pipeline.scope import Scope
from indexer.pipeline.store import Store
from indexer.pipeline.summary import Summary
from indexer.pipeline.vanished import Prune, Vanished, forget_failures, is_drive, take_vanished
from indexer.system.interrupts import interruptible
from indexer.vectors.index_types import check_device
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import DecodedChunk, in_chunks

if TYPE_CHECKING:
    from indexer.encoders.attributes import AttributeEncoder
    from indexer.encoders.framing import Framing
    from indexer.faces.reading import FaceReading
    from indexer.progress import Report, StepReport


class Vectors(NamedTuple):
    """The requested base, kind being its index type: arguments of IndexWriter.rebuild; None keeps the last request."""

    kind: str | None = None
    recall: float | None = None
    device: str = "cpu"


class IndexOptions(NamedTuple):
    """The options of a run; see `index_folders`.

    label_cache: label files from an earlier run. predictor: predicts labels that were not given, None for none.
    retry_failed: retry all files that failed before. rehash: read every file, whatever its size and modification time.
    memory: the cap on the run's memory in bytes, None for `indexer.system.limits.memory_cap`. faces: finds and encodes
    the faces in pictures; None for an index without faces.
    """

    prune: Prune = Prune.NO
    labels: Path | None = None
    vectors: Vectors = Vectors()
    label_cache: LabelCache | None = None
    predictor: AttributeEncoder | None = None
    retry_failed: bool = False
    rehash: bool = False
    memory: int | None = None
    faces: FaceReading | None = None

    def framing(self, encoder: Encoder) -> Framing:
        """Return the framing for workers: that of the encoder, with the faces if they are wanted."""
        return encoder.framing if self.faces is None else self.faces.framing(encoder.framing)


def check_sources(scope: Scope, options: IndexOptions, may_be_empty: bool = False) -> None:
    """Check the inputs of a run before the index is created.

    Raises InputError if a folder does not exist, if no folder contains a picture (unless `may_be_empty`, for watching),
    or if a label file cannot be read.
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

    prune: whether to remove images whose files have vanished. labels: a label file to use in addition to CelebA's own,
    which are found automatically. vectors: the requested base. report: called several times per second; report_base:
    the same while a base is written. Raises InputError for a missing folder or label file, or for a type that FAISS
    does not know; OSError for a full disk (InputError once IndexWriter exits); KeyboardInterrupt after Ctrl-C.
    Completed work is kept.
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
    """Bring an index, open for writing, up to date with a scope; see `index_folders`.

    reading: of the same scope, started before the index existed; used only if the index is still empty.
    """
    start = time.perf_counter()
    check_device(options.vectors.device)
    if options.faces is not None:
        index.keep_faces(*options.faces)
    label_store = LabelStore(index.catalog, scope.folders, options.labels, options.label_cache)
    with interruptible() as interrupted, ExitStack() as stack:
        if reading is None or index.catalog.images.next_id() != FIRST_ID:
            reading = _reading(index, encoder, scope, options, stack)
        plan = reading.plan
        store = Store(index, plan, label_store)
        show = _shown(plan, store, scope, report)
        encoders = encoder, options.faces and options.faces.encoder
        _store_all(store, plan, encoders, reading.results(), interrupted, show)
        while store.again and not interrupted.is_set():
            with DecodingPool(options.framing(encoder), in_chunks(store.take_again()), memory=options.memory) as pool:
                _store_all(store, plan, encoders, pool.results(), interrupted, show)
        if interrupted.is_set():
            store.commit()
            raise KeyboardInterrupt
        label_store.write()
        vanished = _take_vanished(index, scope, plan, label_store, options.prune)
        label_store.finish()
        store.commit()
        facts_read = _read_facts(index, options, interrupted, report)
        predicted = _predict(index, options, interrupted, report)
        if interrupted.is_set():
            raise KeyboardInterrupt
        index.rebuild(options.vectors.kind, options.vectors.recall, options.vectors.device, report_base)
    return Summary.of(plan, store, vanished, predicted, facts_read, time.perf_counter() - min(start, reading.began))


def _reading(index: IndexWriter, encoder: Encoder, scope: Scope, options: IndexOptions, stack: ExitStack) -> Reading:
    """Start reading the files of a scope; files that the catalogue knows are not decoded."""
    from indexer.pipeline.catalog_lookup import CatalogLookup

    passed = Passed()
    beside = stack.enter_context(index.catalog.beside())
    known = CatalogLookup(beside, index.catalog.images.next_id(), options.faces is not None)
    plan = Plan(known, passed, retry_failed=options.retry_failed, rehash=options.rehash)
    return stack.enter_context(Reading(scope.files(passed), options.framing(encoder), plan, options.memory))


def _shown(plan: Plan, store: Store, scope: Scope, report: Report | None) -> Callable[[], None]:
    """Return a function that reports progress; a thread counts the total meanwhile."""
    if report is None:
        return lambda: None
    count = Count(scope.estimate())
    count.start()

    def show() -> None:
        done = plan.unchanged + plan.still_failing + store.done
        report(done, count.total if count.total is None else max(count.total, done))

    return show


def _take_vanished(index: IndexWriter, scope: Scope, plan: Plan, labels: LabelStore, prune: Prune) -> Vanished:
    """Count images whose files are gone, remove them if requested, and record the drives."""
    plan.note_unreadable()
    for path in filter(scope.comes_by, labels.files):
        plan.passed.take_back(path)
    forget_failures(index.catalog, scope.paths(), plan)
    vanished = take_vanished(index.catalog, scope.paths(), scope.named, plan, prune, index.metadata.drives)
    index.change(drives=_drives(index, plan.passed.drives))
    return vanished


def _drives(index: IndexWriter, found: Sequence[str]) -> tuple[str, ...]:
    """Return the folders that are mount points, or were and still have pictures in the index."""
    known = (drive for drive in index.metadata.drives if is_drive(drive) or any(index.catalog.images.under(drive)))
    return tuple(sorted({*found, *known}))


def _store_all(
    store: Store,
    plan: Plan,
    encoders: tuple[Encoder, Encoder | None],
    decoded: Iterator[DecodedChunk | None],
    interrupted: threading.Event,
    show: Callable[[], None],
) -> None:
    """Encode decoded chunks and store the results, along with problems that the plan encounters meanwhile.

    encoders: for whole pictures, and for faces if they are wanted.
    """
    of_pictures, of_faces = encoders
    with EncodingPool(of_pictures, decoded, of_faces) as encoding:
        for encoded in encoding.results():
            store.note(plan.take_problems(), plan.take_recovered())
            if encoded is not None:
                store.add(encoded)
            show()
            if interrupted.is_set():
                return
    store.note(plan.take_problems(), plan.take_recovered())


def _read_facts(index: IndexWriter, options: IndexOptions, interrupted: threading.Event, report: Report | None) -> int:
    """Read the facts of images that an earlier version indexed."""
    if interrupted.is_set() or not index.catalog.has_unread_facts():
        return 0
    from indexer.pipeline.read_facts import read_facts

    return read_facts(index, interrupted, report, options.memory)


def _predict(index: IndexWriter, options: IndexOptions, interrupted: threading.Event, report: Report | None) -> int:
    if options.predictor is None:
        return 0
    from indexer.pipeline.predict_labels import predict_labels

    return predict_labels(index, options.predictor, interrupted, report, options.memory)
