"""`latentsearch index DIR…`: pictures of folders -> the index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from latentsearch.cli.numbers import Finite

if TYPE_CHECKING:
    from indexer.encoders.attributes import AttributeEncoder
    from indexer.encoders.encoder import Encoder
    from indexer.index.index import Index
    from indexer.pipeline.plan import Reading
    from indexer.pipeline.run import IndexOptions, Summary
    from indexer.pipeline.scope import Scope
    from indexer.pipeline.vanished import Kept, Prune
    from indexer.vectors.build import Report
    from latentsearch.cli.progress import Bar

GOES_ON = "interrupted: what was encoded is kept, and the same command goes on from there"
RECALL = Finite(0, 1, min_open=True)
# What `--prune` alone stands for, and its one value.
USUAL, FORCE = "usual", "force"
WATCHED = "the watching has ended: what was taken in is kept"


class IndexCommand(click.Command):
    """Takes `--prune` and `--prune=force`: of `--prune DIR`, click would take the folder for a value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a bare `--prune` in full."""
        ends = args.index("--") if "--" in args else len(args)
        whole = [f"--prune={USUAL}" if word == "--prune" else word for word in args[:ends]]
        return super().parse_args(ctx, whole + args[ends:])


def _checked_prune(ctx: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    if given not in (None, USUAL, FORCE):
        raise click.BadParameter(f"{given!r} is not known: write --prune or --prune={FORCE}")
    return given


@click.command("index", cls=IndexCommand)
@click.argument("folders", nargs=-1, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--index", "option", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX or the user's own].")
@click.option("--encoder", metavar="NAME", help="Its encoder, by name or folder  [default: the index's, or parts].")
@click.option("--from", "older", metavar="INDEX", help="Take in the pictures and labels of this index; without DIR.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out files and folders, as in .gitignore; may be repeated.",
)
@click.option(
    "--prune",
    metavar="[=force]",
    callback=_checked_prune,
    help="Remove pictures of these folders whose files are gone; not all or most of a folder's at once, unless forced.",
)
@click.option("--retry-failed", is_flag=True, help="Try again every file that could not be used before.")
@click.option("--rehash", is_flag=True, help="Read every file again: trust neither its size nor its time of change.")
@click.option("--labels", metavar="FILE", type=click.Path(path_type=Path), help="A CSV of labels, file names first.")
@click.option(
    "--predict-labels",
    "predictor",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",  # the one that ships, whose name is not known before indexer.encoders.attributes is imported
    help="Predict labels that are not given, by an encoder's eyes  [attributes].",
)
@click.option(
    "--kind",
    metavar="KIND",
    help="Of search index: auto, flat, hnsw, ivf-sq8, ivf-pq or a FAISS factory string  [auto].",
)
@click.option("--recall", type=RECALL, metavar="R", help="Share of the true 20 nearest that a search finds  [0.95].")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where the search index is built.")
@click.option(
    "--memory",
    metavar="SIZE",
    callback=lambda context, option, size: _memory(size),
    help="The most to take, such as 2GB: large pictures take turns  [a quarter of the machine's].",
)
@click.option("--watch", is_flag=True, help="Then go on, and take in what changes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object, a line a batch.")
def command(
    folders: tuple[Path, ...],
    option: str | None,
    encoder: str | None,
    older: str | None,
    exclude: tuple[str, ...],
    prune: str | None,
    retry_failed: bool,
    rehash: bool,
    labels: Path | None,
    predictor: str | None,
    kind: str | None,
    recall: float | None,
    device: str,
    memory: int | None,
    watch: bool,
    as_json: bool,
) -> None:
    """Add the pictures of folders to the index, or bring it up to date with them.

    Unchanged pictures are left alone, moved ones keep their code. A file that cannot be used is listed by
    `latentsearch status --failures`. It is tried again when it changes or the decoder is updated, and by every run
    where circumstances were the reason: permissions, a missing extra, a drive, memory. CelebA's label files, in a
    folder or beside it, are read along.

    A file is told by its first bytes, whatever its suffix. --exclude PATTERN, relative to each DIR, and files called
    .latentsearchignore, in any folder and relative to it, leave out what their patterns match, in gitignore's language:
    `*.tmp`, `private/`, `/scans`, `!keep.jpg`. Hidden files, the system folders of NAS and Windows, node_modules, the
    previews in photo libraries and latentsearch's own contact sheets are left out, unless they are named as DIR or,
    hidden ones excepted, taken in by a pattern such as `!node_modules`.

    --predict-labels, after the folders, stores which attributes the pictures of the index show, as `latentsearch
    attributes` tells them, marked as predicted; a label that was given, by a file or by CelebA, is never replaced. NAME
    is an encoder bundle that learned with labels, by name or folder; the one that ships knows 18 attributes of faces.

    What --kind and --recall ask for is kept, and the search index is made anew where it does not fit any more.

    --memory caps what the run takes, its workers included; $LATENTSEARCH_MEMORY does so for every verb. A picture that
    needs more than is left to it is a failure that says so.

    An index keeps the encoder that made it. index --encoder NAME --from OLD --index NEW makes another of the same
    pictures, with the labels that they were given; OLD stays as it is.

    With --watch the folders are then followed: what is added, changed, moved or removed is taken in a second or two
    after it has become quiet. The index is locked only while it is written. On drives that tell the system nothing of
    their changes, such as network drives, set WATCHFILES_FORCE_POLLING=1.
    """
    if bool(folders) == (older is not None):
        raise click.UsageError("Missing argument 'DIR...'." if older is None else "--from goes without DIR.")
    if older is not None and (watch or prune or exclude):
        raise click.UsageError(
            "--from goes without --watch and --prune, and without --exclude: index the folders afterwards."
        )
    from indexer.paths import locate
    from indexer.system.limits import cores
    from indexer.workers.interpreters import start_ahead

    start_ahead(cores())
    place = locate(option)
    if watch:
        from indexer.system.extras import require_extra

        require_extra("watch", "watchfiles")
    scope = _scope(folders, exclude)
    with nullcontext() if watch or older else _reading_ahead(place, scope, encoder, memory) as reading:
        from indexer.index.index import Index
        from indexer.pipeline.labels import LabelCache
        from indexer.pipeline.run import IndexOptions, Vectors, check_sources

        model, eyes = _encoder(place, encoder), _predictor(predictor)
        wishes = IndexOptions(
            _as_prune(prune), labels, Vectors(kind, recall, device), LabelCache(), eyes, retry_failed, rehash, memory
        )
        if not Index.exists(place) and older is None:
            check_sources(scope, wishes, may_be_empty=watch)
        run = _Run(place, model, scope, wishes, as_json)
        if older is not None:
            run.carry(Path(older))
        elif watch:
            run.follow()
        else:
            run.once(reading)


def _as_prune(given: str | None) -> Prune:
    from indexer.pipeline.vanished import Prune

    return {None: Prune.NO, USUAL: Prune.UNLESS_SUSPICIOUS}.get(given, Prune.FORCE)


def _memory(size: str | None) -> int | None:
    from indexer.system.limits import parse_size

    return None if size is None else parse_size(size, "--memory")


class _Run(NamedTuple):
    """One call of the verb."""

    place: Path
    encoder: Encoder
    scope: Scope
    wishes: IndexOptions
    as_json: bool

    def once(self, reading: Reading | None) -> None:
        self._index(self.scope, reading)

    def carry(self, older: Path) -> None:
        """Take in what another index holds."""
        from indexer.errors import InputError
        from indexer.index.index import Index
        from indexer.pipeline.re_encode import scope_of

        if older.resolve() == self.place.resolve():
            raise InputError(f"{older} is the index itself: name another one, to be made, with --index")
        with Index.open(older) as opened:
            self._index(scope_of(opened), None, opened)

    def _index(self, scope: Scope, reading: Reading | None, older: Index | None = None) -> None:
        from indexer.index.writer import IndexWriter
        from indexer.pipeline.re_encode import carry_labels
        from indexer.pipeline.run import index_scope
        from latentsearch.cli import Interrupted
        from latentsearch.cli.progress import Bar

        try:
            with IndexWriter.create(self.place, self.encoder) as index, Bar("indexing") as bar:
                reports = (bar.show if bar.is_shown else None, _base_shown_by(bar))
                summary = index_scope(index, self.encoder, scope, self.wishes, *reports, reading)
                missing = carry_labels(older, index) if older else 0
        except KeyboardInterrupt:
            raise Interrupted(GOES_ON) from None
        self.show(summary)
        if missing:
            click.echo(f"latentsearch: {missing} pictures of the older index are gone or cannot be used", err=True)
        if summary.kept:
            from indexer.errors import InputError

            raise InputError(_not_pruned(summary.kept))

    def follow(self) -> None:
        from indexer.watch.live_index import LiveIndex
        from latentsearch.cli import Interrupted
        from latentsearch.cli.progress import Bar

        bar = Bar("indexing")

        def show(summary: Summary) -> None:
            bar.end()
            self.show(summary)
            if summary.kept:
                _tell(_not_pruned(summary.kept))

        reports = (bar.show if bar.is_shown else None, _base_shown_by(bar))
        try:
            folders, rules = self.scope.folders, self.scope.rules
            LiveIndex(self.place, self.encoder, folders, self.wishes, show, _tell, *reports, rules=rules).run()
        except KeyboardInterrupt:
            raise Interrupted(WATCHED) from None
        finally:
            bar.end()

    def show(self, summary: Summary) -> None:
        """Print what a run or a batch has done."""
        click.echo(json.dumps(summary.to_json()) if self.as_json else _for_people(summary))
        if summary.passed_over:
            from indexer.files.passed import in_words
            from indexer.paths import printable

            _tell(f"passed over: {printable(in_words(summary.passed_over))}")


def _tell(sentence: str) -> None:
    click.echo(f"latentsearch: {sentence}", err=True)


def _not_pruned(kept: Sequence[Kept]) -> str:
    folders = " and ".join(map(str, kept))
    return f"--prune would remove {folders}: is a drive not mounted? Nothing was removed there; --prune=force does it"


def _scope(folders: tuple[Path, ...], exclude: tuple[str, ...]) -> Scope:
    from indexer.files.ignore import Rules
    from indexer.pipeline.scope import Scope

    return Scope(folders, rules=Rules(exclude))


def _base_shown_by(bar: Bar) -> Report:
    def show(what: str, done: int, total: int) -> None:
        bar.show(done, total, f"search index: {what}")

    return show


def _reading_ahead(
    place: Path, scope: Scope, encoder: str | None, memory: int | None
) -> AbstractContextManager[Reading | None]:
    """What a first run finds, which is decoded while the rest of it is imported; None for an index that there is."""
    from indexer.paths import CATALOGUE

    if (place / CATALOGUE).exists():
        return nullcontext()
    from indexer.encoders.encoder import find_bundle, read_model
    from indexer.encoders.framing import Framing
    from indexer.files.passed import Passed
    from indexer.pipeline.plan import Plan, Reading

    passed = Passed()
    framing = Framing.from_json(read_model(find_bundle(encoder))["framing"])
    return Reading(scope.files(passed), framing, Plan(passed=passed), memory)


def _encoder(place: Path, option: str | None) -> Encoder:
    from indexer.encoders.encoder import load_encoder
    from indexer.index.index import Index

    if not Index.exists(place):
        return load_encoder(option)
    from latentsearch.search.search import encoder_of

    with Index.open(place) as index:
        return encoder_of(index, option)


def _predictor(option: str | None) -> AttributeEncoder | None:
    from indexer.encoders.attributes import load_attribute_encoder

    return None if option is None else load_attribute_encoder(option or None)


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
