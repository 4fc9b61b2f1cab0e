"""Run `latentsearch index`: over folders, once or continuously, or over the pictures of another index."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from latentsearch.cli import Interrupted, tell
from latentsearch.cli.stderr import Bar

if TYPE_CHECKING:
    from indexer.encoders.attributes import AttributeEncoder
    from indexer.encoders.encoder import Encoder
    from indexer.index.index import Index
    from indexer.index.writer import IndexWriter
    from indexer.pipeline.plan import Reading
    from indexer.pipeline.run import IndexOptions, Summary
    from indexer.pipeline.scope import Scope
    from indexer.pipeline.vanished import Kept, Prune
    from indexer.progress import Report, StepReport


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
    watch: bool
    as_json: bool


def run(asked: Request) -> None:
    """Run the request. Raises Interrupted after Ctrl-C, and InputError if --prune kept missing pictures."""
    from indexer.paths import locate

    location = locate(asked.location)
    if asked.watch:
        from indexer.system.extras import require_extra

        require_extra("watch", "watchfiles")
    scope = _scope(asked)
    ahead = nullcontext() if asked.watch or asked.older else _reading_ahead(location, scope, asked)
    with ahead as reading:
        from indexer.index.index import Index
        from indexer.pipeline.run import check_sources

        encoder, options = _encoder(location, asked.encoder), _options(asked)
        if not Index.exists(location) and asked.older is None:
            check_sources(scope, options, may_be_empty=asked.watch)
        indexing = _Run(location, encoder, scope, options, asked.as_json)
        if asked.older is not None:
            indexing.carry(Path(asked.older))
        elif asked.watch:
            indexing.follow()
        else:
            indexing.once(reading)


class _Run(NamedTuple):
    """An index, its encoder, and the folders and options to update it with."""

    location: Path
    encoder: Encoder
    scope: Scope
    options: IndexOptions
    as_json: bool

    def once(self, reading: Reading | None) -> None:
        self._index(self.scope, reading)

    def carry(self, older: Path) -> None:
        """Index the pictures of another index, and copy their labels."""
        from indexer.errors import InputError
        from indexer.index.index import Index
        from indexer.pipeline.re_encode import scope_of

        if older.resolve() == self.location.resolve():
            raise InputError(f"{older} is the index itself: name a new one with --index")
        with Index.open(older) as opened:
            self._index(scope_of(opened), None, opened)

    def _index(self, scope: Scope, reading: Reading | None, older: Index | None = None) -> None:
        from indexer.index.writer import IndexWriter
        from indexer.pipeline.run import index_scope

        try:
            with IndexWriter.create(self.location, self.encoder) as index, Bar("indexing") as bar:
                summary = index_scope(index, self.encoder, scope, self.options, *_reports(bar), reading)
                missing = _carried_labels(older, index) if older else 0
        except KeyboardInterrupt:
            raise Interrupted(GOES_ON) from None
        show_summary(summary, self.as_json)
        if missing:
            tell(f"{missing} pictures of the older index are gone or cannot be used")
        if summary.kept:
            from indexer.errors import InputError

            raise InputError(not_pruned(summary.kept))

    def follow(self) -> None:
        """Index changes in the folders until Ctrl-C."""
        from indexer.watch.live_index import LiveIndex

        bar = Bar("indexing")

        def show(summary: Summary) -> None:
            bar.end()
            show_summary(summary, self.as_json)
            if summary.kept:
                tell(not_pruned(summary.kept))

        try:
            folders, rules = self.scope.folders, self.scope.rules
            LiveIndex(self.location, self.encoder, folders, self.options, show, *_reports(bar), rules=rules).run()
        except KeyboardInterrupt:
            raise Interrupted(WATCHED) from None
        finally:
            bar.end()


def _carried_labels(older: Index, index: IndexWriter) -> int:
    from indexer.pipeline.re_encode import carry_labels

    return carry_labels(older, index)


def _reports(bar: Bar) -> tuple[Report | None, StepReport]:
    """Return two callbacks that show the run, and the building of the search index, with one progress bar."""

    def show_base(what: str, done: int, total: int | None) -> None:
        bar.show(done, total, f"search index: {what}")

    return bar.show if bar.is_shown else None, show_base


def _scope(asked: Request) -> Scope:
    from indexer.files.ignore import Rules
    from indexer.pipeline.scope import Scope

    return Scope(asked.folders, rules=Rules(asked.exclude))


def _options(asked: Request) -> IndexOptions:
    from indexer.pipeline.labels import LabelCache
    from indexer.pipeline.run import IndexOptions, Vectors

    return IndexOptions(
        _prune(asked.prune),
        asked.labels,
        Vectors(asked.kind, asked.recall, asked.device),
        LabelCache(),
        _predictor(asked.predictor),
        asked.retry_failed,
        asked.rehash,
        asked.memory,
    )


def _prune(given: str | None) -> Prune:
    from indexer.pipeline.vanished import Prune

    return {None: Prune.NO, USUAL: Prune.UNLESS_SUSPICIOUS}.get(given, Prune.FORCE)


def _predictor(option: str | None) -> AttributeEncoder | None:
    if option is None:
        return None
    from indexer.encoders.attributes import load_attribute_encoder

    return load_attribute_encoder(option or None)


def _encoder(location: Path, option: str | None) -> Encoder:
    from indexer.encoders.encoder import load_encoder
    from indexer.index.index import Index

    if not Index.exists(location):
        return load_encoder(option)
    from latentsearch.search.search import encoder_of

    with Index.open(location) as index:
        return encoder_of(index, option)


def _reading_ahead(location: Path, scope: Scope, asked: Request) -> AbstractContextManager[Reading | None]:
    """Start decoding the pictures of a new index while the other modules are imported; None for an existing index."""
    from indexer.paths import CATALOGUE

    if (location / CATALOGUE).exists():
        return nullcontext()
    from indexer.encoders.encoder import find_bundle, read_model
    from indexer.encoders.framing import Framing
    from indexer.files.passed import Passed
    from indexer.pipeline.plan import Plan, Reading

    passed = Passed()
    framing = Framing.from_json(read_model(find_bundle(asked.encoder))["framing"])
    return Reading(scope.files(passed), framing, Plan(passed=passed), asked.memory)


logger = logging.getLogger(__name__)


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
