"""Folders -> an index: discover, decode, encode and store, overlapped, so that all cores work.

Workers read, hash and decode a few chunks ahead; this process encodes and stores what is ready. Killed at any moment, a
run loses what was not committed, and the next goes on from there.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from indexer.building import Report as BaseReport
from indexer.building import check_device
from indexer.catalog import Failure
from indexer.discover import discover, printable
from indexer.encoder import Encoder
from indexer.errors import InputError
from indexer.index import Index
from indexer.interrupts import interruptible
from indexer.label_store import LabelStore
from indexer.labels import load_labels
from indexer.plan import Count, Plan
from indexer.pool import DecodingPool
from indexer.storing import Store

# Files dealt with, and files in all (None until they are counted).
Report = Callable[[int, int | None], None]


class Vectors(NamedTuple):
    """What is asked of the base, as indexer.deriving.derive takes it; None for what was asked last."""

    kind: str | None = None
    recall: float | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Summary:
    """What a run did with the files that it found.

    found = encoded + copied + unchanged + moved + failed. copied: have the content of another file, and got its code.
    changed: those of the encoded and copied whose content was another before. failed: cannot be used; failed_before of
    them have not changed since an earlier run and were not tried again. vanished: images whose file was not found;
    removed: those of them that were removed. seconds: by stage; decode is summed over the workers, and the stages
    overlap, so that total is less than their sum. images_per_second: encoded, by total.
    """

    found: int
    encoded: int
    copied: int
    unchanged: int
    moved: int
    changed: int
    failed: int
    failed_before: int
    vanished: int
    removed: int
    seconds: dict[str, float]
    images_per_second: float

    def to_json(self) -> dict[str, Any]:
        """As `latentsearch index --json` prints it."""
        return asdict(self)


def check_sources(folders: Sequence[str | Path], labels: Path | None = None) -> None:
    """Look at what an index is to be made of, before it is made.

    Raises InputError where a folder does not exist, none of them holds a picture, or a label file cannot be read.
    """
    if next(discover(folders), None) is None:
        raise InputError(f"no pictures in {', '.join(map(printable, folders))}")
    load_labels(folders, [] if labels is None else [labels])


def index_folders(
    index: Index,
    encoder: Encoder,
    folders: Sequence[str | Path],
    *,
    prune: bool = False,
    labels: Path | None = None,
    vectors: Vectors = Vectors(),  # noqa: B008 - immutable
    report: Report | None = None,
    report_base: BaseReport | None = None,
) -> Summary:
    """Bring an index, open for writing, up to date with the pictures in folders.

    prune: remove images whose files have vanished from these folders. labels: a label file beside CelebA's own, which
    are found. vectors: what is asked of the base. report: called several times a second; report_base: while a base is
    made. Raises InputError for a folder or label file that is missing, for a kind that FAISS does not know, and for a
    full disk; KeyboardInterrupt after Ctrl-C. What was done until then is kept.
    """
    start = time.perf_counter()
    check_device(vectors.device)
    files = discover(folders)
    plan = Plan(index.catalog.all_images(), index.catalog.failures())
    label_store = LabelStore(index.catalog, folders, labels)
    store = Store(index, encoder, plan, label_store)
    count = Count(discover(folders))
    with _full_disk_told(index), interruptible() as interrupted:
        if report:
            count.start()
        with DecodingPool(encoder.framing, plan.chunks(files)) as pool:
            for decoded in pool.results():
                if decoded is not None:
                    store.add(decoded)
                if report:
                    report(plan.unchanged + plan.still_failing + store.done, count.total)
                if interrupted.is_set():
                    break
        if interrupted.is_set():
            store.commit()
            raise KeyboardInterrupt
        vanished, removed = _tidy(index, plan, folders, prune)
        label_store.finish()
        store.commit()
        index.derive(vectors.kind, vectors.recall, vectors.device, report_base)
    return _summary(plan, store, vanished, removed, time.perf_counter() - start)


def _tidy(index: Index, plan: Plan, folders: Sequence[str | Path], prune: bool) -> tuple[int, int]:
    """Note what could not be looked at, forget what is gone. Returns how many images have vanished and were removed."""
    index.catalog.remove_failures(plan.vanished_failures(folders))
    index.catalog.add_failures(Failure(problem.path, problem.reason) for problem in plan.problems)
    vanished = [record.id for record in plan.vanished(folders)]
    if prune:
        index.catalog.remove_images(vanished)
    return len(vanished), len(vanished) if prune else 0


def _summary(plan: Plan, store: Store, vanished: int, removed: int, total: float) -> Summary:
    seconds = {
        "walk": plan.seconds,
        "decode": store.decode_seconds,
        "encode": store.encode_seconds,
        "store": store.store_seconds,
        "total": total,
    }
    return Summary(
        found=plan.found,
        encoded=store.encoded,
        copied=store.copied,
        unchanged=plan.unchanged + store.unchanged,
        moved=store.moved,
        changed=store.changed,
        failed=store.failed + plan.still_failing + len(plan.problems),
        failed_before=plan.still_failing,
        vanished=vanished,
        removed=removed,
        seconds={stage: round(spent, 3) for stage, spent in seconds.items()},
        images_per_second=round(store.encoded / total, 1),
    )


@contextmanager
def _full_disk_told(index: Index) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"no space left for the index at {printable(index.folder)}: what was stored before is kept, the same "
            "command goes on from there"
        ) from error
