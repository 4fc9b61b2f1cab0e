"""Folders -> an index: discover, decode, encode and store, overlapped, so that all cores work.

Workers read, hash and decode a few chunks ahead, threads encode what is decoded, and this one stores it. Killed at any
moment, a run loses what was not committed, and the next goes on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from indexer.pipeline.vanished import Kept, Prune, Vanished, forget_failures, is_drive, take_vanished
from indexer.system.interrupts import interruptible
from indexer.vectors.index_types import check_device
from indexer.workers.pool import DecodingPool
from indexer.workers.tasks import DecodedChunk, in_chunks

if TYPE_CHECKING:
    from indexer.encoders.attributes import AttributeEncoder
    from indexer.progress import Report, StepReport


class Vectors(NamedTuple):
    """What is asked of the base, as indexer.index.maintenance.derive takes it; None for what was asked last."""

    kind: str | None = None
    recall: float | None = None
    device: str = "cpu"


class IndexOptions(NamedTuple):
    """What is asked of a run; see `index_folders`. label_cache: for label files that were looked at before.

    predictor: what predicts the labels that are not given, None for nothing. retry_failed: try again all that failed.
    rehash: read every file, whatever its size and time of change. memory: the cap on what the run takes, in bytes, None
    for that of `indexer.system.limits.memory_cap`.
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
    label_store = LabelStore(index.catalog, scope.folders, options.labels, options.label_cache)
    with interruptible() as interrupted, ExitStack() as stack:
        if reading is None or index.catalog.images.next_id() != FIRST_ID:
            reading = _reading(index, encoder, scope, options, stack)
        plan = reading.plan
        store = Store(index, plan, label_store)
        show = _shown(plan, store, scope, report)
        _store_all(store, plan, encoder, reading.results(), interrupted, show)
        while store.again and not interrupted.is_set():
            with DecodingPool(encoder.framing, in_chunks(store.take_again()), memory=options.memory) as pool:
                _store_all(store, plan, encoder, pool.results(), interrupted, show)
        if interrupted.is_set():
            store.commit()
            raise KeyboardInterrupt
        label_store.write()
        vanished = _take_vanished(index, scope, plan, label_store, options.prune)
        label_store.finish()
        store.commit()
        predicted = _predict(index, options, interrupted, report)
        if interrupted.is_set():
            raise KeyboardInterrupt
        index.rebuild(options.vectors.kind, options.vectors.recall, options.vectors.device, report_base)
    return Summary.of(plan, store, vanished, predicted, time.perf_counter() - min(start, reading.began))


def _reading(index: IndexWriter, encoder: Encoder, scope: Scope, options: IndexOptions, stack: ExitStack) -> Reading:
    """The files of a scope, decoded where the catalogue does not know them."""
    from indexer.pipeline.catalog_lookup import CatalogLookup

    passed = Passed()
    known = CatalogLookup(stack.enter_context(index.catalog.beside()), index.catalog.images.next_id())
    plan = Plan(known, passed, retry_failed=options.retry_failed, rehash=options.rehash)
    return stack.enter_context(Reading(scope.files(passed), encoder.framing, plan, options.memory))


def _shown(plan: Plan, store: Store, scope: Scope, report: Report | None) -> Callable[[], None]:
    """What says how far a run is, of as many files as a thread counts meanwhile."""
    if report is None:
        return lambda: None
    count = Count(scope.estimate())
    count.start()

    def show() -> None:
        done = plan.unchanged + plan.still_failing + store.done
        report(done, count.total if count.total is None else max(count.total, done))

    return show


def _take_vanished(index: IndexWriter, scope: Scope, plan: Plan, labels: LabelStore, prune: Prune) -> Vanished:
    """Count, and remove where that is asked for, what the catalogue holds of files that are gone; note the drives."""
    plan.note_unreadable()
    for path in filter(scope.comes_by, labels.files):
        plan.passed.take_back(path)
    forget_failures(index.catalog, scope.paths(), plan)
    vanished = take_vanished(index.catalog, scope.paths(), scope.named, plan, prune, index.metadata.drives)
    index.change(drives=_drives(index, plan.passed.drives))
    return vanished


def _drives(index: IndexWriter, found: Sequence[str]) -> tuple[str, ...]:
    """The folders that are drives of their own, or were and have pictures still."""
    known = (drive for drive in index.metadata.drives if is_drive(drive) or any(index.catalog.images.under(drive)))
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
    from indexer.pipeline.predict_labels import predict_labels

    return predict_labels(index, options.predictor, interrupted, report, options.memory)


@dataclass(frozen=True)
class Summary:
    """What a run did with the files that it found.

    found = encoded + copied + unchanged + moved + failed. copied: have the content of another file, and got its code.
    changed: those of the encoded and copied whose content was another before. failed: cannot be used; failed_before of
    them have not changed since an earlier run and were not tried again, and may_pass of them are tried again by every
    run, since circumstances are the reason. vanished: images whose file was not found, or is left out now; removed:
    those of them that were removed; kept: folders that lost so many that none was removed. passed_over: what is no
    picture or is left out, by type. predicted: images that got predicted labels. seconds: by stage; decode and encode
    are summed over their workers and threads, and the stages overlap, so that total is less than their sum.
    images_per_second: encoded, by total.
    """

    found: int
    encoded: int
    copied: int
    unchanged: int
    moved: int
    changed: int
    failed: int
    failed_before: int
    may_pass: int
    vanished: int
    removed: int
    predicted: int
    kept: tuple[Kept, ...]
    passed_over: dict[str, int]
    seconds: dict[str, float]
    images_per_second: float

    @classmethod
    def of(cls, plan: Plan, store: Store, vanished: Vanished, predicted: int, total: float) -> Summary:
        """Of a run that has ended; total: its seconds."""
        seconds = {
            "walk": plan.seconds,
            "decode": store.decode_seconds,
            "encode": store.encode_seconds,
            "store": store.store_seconds,
            "total": total,
        }
        return cls(
            found=plan.found - store.gone - store.sheets,
            encoded=store.encoded,
            copied=store.copied,
            unchanged=plan.unchanged + store.unchanged,
            moved=store.moved,
            changed=store.changed,
            failed=store.failed + plan.still_failing,
            failed_before=plan.still_failing,
            may_pass=store.may_pass,
            vanished=vanished.count,
            removed=vanished.removed,
            predicted=predicted,
            kept=vanished.kept,
            passed_over=plan.passed.by_type(),
            seconds={stage: round(spent, 3) for stage, spent in seconds.items()},
            images_per_second=round(store.encoded / total, 1),
        )

    def to_json(self) -> dict[str, Any]:
        """As `latentsearch index --json` prints it."""
        return asdict(self)
