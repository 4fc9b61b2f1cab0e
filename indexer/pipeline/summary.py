"""The result of a run of `latentsearch index`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from indexer.pipeline.plan import Plan
from indexer.pipeline.store import Store
from indexer.pipeline.vanished import Kept, Vanished


@dataclass(frozen=True)
class Summary:
    """The result of a run.

    found = encoded + copied + unchanged + moved + failed. copied: files that got the code of another file with the same
    content. changed: encoded and copied files whose content used to differ. failed: unusable files; of these,
    failed_before were not retried because they have not changed since an earlier run, and may_pass failed for causes
    outside the file and are retried in every run. vanished: images whose file was not found or is now excluded.
    removed: the vanished images that were removed. kept: folders that may be unmounted drives, whose images stay.
    passed_over: skipped and excluded files, by type. predicted: images with newly predicted labels. faces: faces
    stored, None for an index without faces. facts_read: images of an earlier version whose facts have now been read.
    seconds: by stage; decode, faces and encode are sums over workers and threads, and stages overlap, so total is less
    than their sum. images_per_second: encoded / total.
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
    facts_read: int
    kept: tuple[Kept, ...]
    passed_over: dict[str, int]
    seconds: dict[str, float]
    images_per_second: float
    faces: int | None = None

    @classmethod
    def of(cls, plan: Plan, store: Store, vanished: Vanished, predicted: int, facts_read: int, total: float) -> Summary:
        """Summarise a run that took `total` seconds."""
        seconds = {
            "walk": plan.seconds,
            "decode": store.decode_seconds,
            "encode": store.encode_seconds,
            "store": store.store_seconds,
            "total": total,
        }
        if store.faces is not None:
            seconds["faces"] = store.faces.seconds
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
            facts_read=facts_read,
            kept=vanished.kept,
            passed_over=plan.passed.by_type(),
            seconds={stage: round(spent, 3) for stage, spent in seconds.items()},
            images_per_second=round(store.encoded / total, 1),
            faces=None if store.faces is None else store.faces.found,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the output of `latentsearch index --json`; without faces, it has no `faces`."""
        return {name: value for name, value in asdict(self).items() if value is not None}
