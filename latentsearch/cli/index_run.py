"""Run `latentsearch index`: over folders, once or continuously, or over the pictures of another index."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from latentsearch.cli import Interrupted, tell
from latentsearch.cli.stderr import Bar

if TYPE_CHECKING:
    from indexer.pipeline.summary import Summary
    from indexer.pipeline.vanished import Kept
    from indexer.progress import StepReport
    from latentsearch.interface.indexing import AddOptions

logger = logging.getLogger(__name__)

GOES_ON = "interrupted: the pictures encoded so far are kept; run the same command again to continue"
WATCHED = "stopped watching: everything indexed so far is kept"
# The value of a bare `--prune`, and the only value that can be given.
USUAL, FORCE = "usual", "force"


class Request(NamedTuple):
    """The options of `latentsearch index`.

    older: the index to take pictures and labels from, instead of folders. prune: None, USUAL or FORCE.
    predictor: the bundle that predicts labels, "" for the included one, None to predict none. memory: in bytes.
    """

    folders: tuple[Path, ...]
    location: str | None
    encoder: str | None
    older: str | None
    exclude: tuple[str, ...]
    prune: str | None
    retry_failed: bool
    rehash: bool
    labels: Path | None
    predictor: str | None
    kind: str | None
    recall: float | None
    device: str
    memory: int | None
    faces: bool
    face_encoder: str | None
    watch: bool
    as_json: bool


def run(asked: Request) -> None:
    """Run the request. Raises Interrupted after Ctrl-C, and InputError if --prune kept missing pictures."""
    bar = Bar("indexing")
    try:
        if asked.watch:
            _follow(asked, bar)
        else:
            _once(asked, bar)
    except KeyboardInterrupt:
        raise Interrupted(WATCHED if asked.watch else GOES_ON) from None
    finally:
        bar.end()


def _once(asked: Request, bar: Bar) -> None:
    from latentsearch.interface.indexing import index

    summary = index(
        *asked.folders,
        path=asked.location,
        encoder=asked.encoder,
        older=asked.older,
        on_progress=_shown_by(bar),
        **_options(asked),
    )
    bar.end()
    show_summary(summary, asked.as_json)
    if summary.kept:
        from indexer.errors import InputError

        raise InputError(not_pruned(summary.kept))


def _follow(asked: Request, bar: Bar) -> None:
    """Index changes in the folders until Ctrl-C."""
    from latentsearch.interface.indexing import watch

    def show(summary: Summary) -> None:
        bar.end()
        show_summary(summary, asked.as_json)
        if summary.kept:
            tell(not_pruned(summary.kept))

    watch(
        *asked.folders,
        path=asked.location,
        encoder=asked.encoder,
        on_batch=show,
        on_progress=_shown_by(bar),
        **_options(asked),
    )


def _shown_by(bar: Bar) -> StepReport | None:
    """Return a callback that shows the run, and the building of the search index, with one progress bar."""

    def show(step: str, done: int, total: int | None) -> None:
        bar.show(done, total, step)

    return show if bar.is_shown else None


def _options(asked: Request) -> AddOptions:
    return {
        "exclude": asked.exclude,
        "labels": asked.labels,
        "prune": "force" if asked.prune == FORCE else asked.prune == USUAL,
        "predict_labels": asked.predictor is not None and (asked.predictor or True),
        "retry_failed": asked.retry_failed,
        "rehash": asked.rehash,
        "kind": asked.kind,
        "recall": asked.recall,
        "device": asked.device,
        "memory": asked.memory,
        "faces": asked.face_encoder or asked.faces,
    }


def show_summary(summary: Summary, as_json: bool) -> None:
    """Print the summary of a run or a batch."""
    click.echo(json.dumps(summary.to_json()) if as_json else _for_people(summary))
    logger.debug("%s", ", ".join(f"{stage}: {spent:.2f} s" for stage, spent in summary.seconds.items()))
    if summary.passed_over:
        from indexer.files.passed import in_words
        from indexer.paths import printable

        tell(f"passed over: {printable(in_words(summary.passed_over))}")


def not_pruned(kept: Sequence[Kept]) -> str:
    """Explain why --prune left the pictures of some folders in the index."""
    folders = " and ".join(map(str, kept))
    return f"--prune would remove {folders}: is a drive not mounted? Nothing was removed there; --prune=force does it"


def _for_people(summary: Summary) -> str:
    from indexer.files.passed import EXCLUDED

    seconds = summary.seconds["total"]
    lines = [f"{summary.found} pictures found in {seconds:.1f} s: {summary.encoded} encoded"]
    if summary.encoded:
        lines[0] += f", {summary.images_per_second:.0f} a second"
    others = {
        "had the content of another": summary.copied,
        "were unchanged": summary.unchanged,
        "had moved": summary.moved,
        "had changed": summary.changed,
        "got predicted labels": summary.predicted,
        "of an earlier version got their facts (date, camera, lens, place)": summary.facts_read,
    }
    lines += [f"{count} {what}" for what, count in others.items() if count]
    if summary.faces is not None:
        lines.append(f"{summary.faces} new faces")
    if summary.failed:
        lines.append(f"{summary.failed} cannot be used: `latentsearch status --failures` says why")
    if summary.may_pass:
        lines.append(f"{summary.may_pass} of these may be usable later: every run tries them again")
    if summary.failed_before:
        lines.append(f"{summary.failed_before} of these have not changed since they failed, and were not tried again")
    if summary.vanished:
        which = "have vanished or are left out now" if EXCLUDED in summary.passed_over else "have vanished"
        left = summary.vanished - summary.removed
        fate = " and were removed" if not left else f", {summary.removed} were removed" if summary.removed else ""
        lines.append(f"{summary.vanished} {which}{fate}{': --prune removes them' if left and not summary.kept else ''}")
    return "\n".join(lines)
