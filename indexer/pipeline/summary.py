"""What a run did, in figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from indexer.pipeline.plan import Plan
from indexer.pipeline.store import Store
from indexer.pipeline.vanished import Kept, Vanished


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
