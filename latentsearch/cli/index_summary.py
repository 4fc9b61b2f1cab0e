"""What `latentsearch index` says that it has done."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from latentsearch.cli import tell

if TYPE_CHECKING:
    from indexer.pipeline.run import Summary
    from indexer.pipeline.vanished import Kept

logger = logging.getLogger(__name__)


def show(summary: Summary, as_json: bool) -> None:
    """Print what a run or a batch has done."""
    click.echo(json.dumps(summary.to_json()) if as_json else _for_people(summary))
    logger.debug("%s", ", ".join(f"{stage}: {spent:.2f} s" for stage, spent in summary.seconds.items()))
    if summary.passed_over:
        from indexer.files.passed import in_words
        from indexer.paths import printable

        tell(f"passed over: {printable(in_words(summary.passed_over))}")


def not_pruned(kept: Sequence[Kept]) -> str:
    """Why pictures of some folders stay, though --prune would remove them."""
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
    }
    lines += [f"{count} {what}" for what, count in others.items() if count]
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
