"""`latentsearch index DIR…`: pictures of folders -> the index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from indexer.attributes import AttributeEncoder
    from indexer.building import Report
    from indexer.encoder import Encoder
    from indexer.index import Index
    from indexer.pipeline import Wishes
    from indexer.reading import Reading
    from indexer.scope import Scope
    from indexer.summary import Summary
    from latentsearch.cli.progress import Bar

GOES_ON = "interrupted: what was encoded is kept, and the same command goes on from there"
WATCHED = "the watching has ended: what was taken in is kept"


@click.command("index")
@click.argument("folders", nargs=-1, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--index", "option", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX or the user's own].")
@click.option("--encoder", metavar="NAME", help="Its encoder, by name or folder  [default: the index's, or parts].")
@click.option("--from", "older", metavar="INDEX", help="Take in the pictures and labels of this index; without DIR.")
@click.option("--prune", is_flag=True, help="Remove pictures of these folders whose files are gone.")
@click.option("--labels", metavar="FILE", type=click.Path(path_type=Path), help="A CSV of labels, file names first.")
@click.option(
    "--predict-labels",
    "predictor",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",  # that of the encoder that ships, whose name is not known before indexer.attributes is imported
    help="Predict labels that are not given, by an encoder's eyes  [attributes].",
)
@click.option(
    "--kind",
    metavar="KIND",
    help="Of search index: auto, flat, hnsw, ivf-sq8, ivf-pq or a FAISS factory string  [auto].",
)
@click.option("--recall", type=float, metavar="R", help="Share of the true 20 nearest that a search finds  [0.95].")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where the search index is built.")
@click.option("--watch", is_flag=True, help="Then go on, and take in what changes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object, a line a batch.")
def command(
    folders: tuple[Path, ...],
    option: str | None,
    encoder: str | None,
    older: str | None,
    prune: bool,
    labels: Path | None,
    predictor: str | None,
    kind: str | None,
    recall: float | None,
    device: str,
    watch: bool,
    as_json: bool,
) -> None:
    """Add the pictures of folders to the index, or bring it up to date with them.

    Unchanged pictures are left alone, moved ones keep their code. A file that cannot be used is listed by
    `latentsearch status --failures`. CelebA's label files, in a folder or beside it, are read along.

    --predict-labels, after the folders, stores which attributes the pictures of the index show, as `latentsearch
    attributes` tells them, marked as predicted; a label that was given, by a file or by CelebA, is never replaced. NAME
    is an encoder bundle that learned with labels, by name or folder; the one that ships knows 18 attributes of faces.

    What --kind and --recall ask for is kept, and the search index is made anew where it does not fit any more.

    An index keeps the encoder that made it. index --encoder NAME --from OLD --index NEW makes another of the same
    pictures, with the labels that they were given; OLD stays as it is.

    With --watch the folders are then followed: what is added, changed, moved or removed is taken in a second or two
    after it has become quiet. The index is locked only while it is written. On drives that tell the system nothing of
    their changes, such as network drives, set WATCHFILES_FORCE_POLLING=1.
    """
    if bool(folders) == (older is not None):
        raise click.UsageError("Missing argument 'DIR...'." if older is None else "--from goes without DIR.")
    if older is not None and (watch or prune):
        raise click.UsageError("--from goes without --watch and --prune: index the folders afterwards.")
    from indexer.cores import cores
    from indexer.place import locate
    from indexer.spawning import start_ahead

    start_ahead(cores())
    place = locate(option)
    if watch:
        from indexer.extras import require_extra

        require_extra("watch", "watchfiles")
    with nullcontext() if watch or older else _reading_ahead(place, folders, encoder) as reading:
        from indexer.index import Index
        from indexer.label_store import LabelCache
        from indexer.pipeline import Vectors, Wishes, check_sources

        model, eyes = _encoder(place, encoder), _predictor(predictor)
        wishes = Wishes(prune, labels, Vectors(kind, recall, device), LabelCache(), eyes)
        if not Index.exists(place) and older is None:
            check_sources(folders, wishes, may_be_empty=watch)
        run = _Run(place, model, folders, wishes, as_json)
        if older is not None:
            run.carry(Path(older))
        elif watch:
            run.follow()
        else:
            run.once(reading)


class _Run(NamedTuple):
    """One call of the verb."""

    place: Path
    encoder: Encoder
    folders: tuple[Path, ...]
    wishes: Wishes
    as_json: bool

    def once(self, reading: Reading | None) -> None:
        from indexer.scope import Scope

        self._index(Scope(self.folders), reading)

    def carry(self, older: Path) -> None:
        """Take in what another index holds."""
        from indexer.carrying import scope_of
        from indexer.errors import InputError
        from indexer.index import Index

        if older.resolve() == self.place.resolve():
            raise InputError(f"{older} is the index itself: name another one, to be made, with --index")
        with Index.open(older) as opened:
            self._index(scope_of(opened), None, opened)

    def _index(self, scope: Scope, reading: Reading | None, older: Index | None = None) -> None:
        from indexer.carrying import carry_labels
        from indexer.index import Index
        from indexer.pipeline import bring_up_to_date
        from latentsearch.cli import Interrupted
        from latentsearch.cli.progress import Bar

        try:
            with Index.create(self.place, self.encoder) as index, Bar("indexing") as bar:
                reports = (bar.show if bar.is_shown else None, _base_shown_by(bar))
                summary = bring_up_to_date(index, self.encoder, scope, self.wishes, *reports, reading)
                missing = carry_labels(older, index) if older else 0
        except KeyboardInterrupt:
            raise Interrupted(GOES_ON) from None
        self.show(summary)
        if missing:
            click.echo(f"latentsearch: {missing} pictures of the older index are gone or cannot be used", err=True)

    def follow(self) -> None:
        from indexer.live import LiveIndex
        from latentsearch.cli import Interrupted
        from latentsearch.cli.progress import Bar

        bar = Bar("indexing")

        def show(summary: Summary) -> None:
            bar.end()
            self.show(summary)

        def tell(sentence: str) -> None:
            click.echo(f"latentsearch: {sentence}", err=True)

        reports = (bar.show if bar.is_shown else None, _base_shown_by(bar))
        try:
            LiveIndex(self.place, self.encoder, self.folders, self.wishes, show, tell, *reports).run()
        except KeyboardInterrupt:
            raise Interrupted(WATCHED) from None
        finally:
            bar.end()

    def show(self, summary: Summary) -> None:
        """Print what a run or a batch has done."""
        click.echo(json.dumps(summary.to_json()) if self.as_json else _for_people(summary, self.wishes.prune))


def _base_shown_by(bar: Bar) -> Report:
    def show(what: str, done: int, total: int) -> None:
        bar.show(done, total, f"search index: {what}")

    return show


def _reading_ahead(place: Path, folders: Sequence[Path], encoder: str | None) -> AbstractContextManager[Reading | None]:
    """What a first run finds, which is decoded while the rest of it is imported; None for an index that there is."""
    from indexer.place import CATALOGUE

    if (place / CATALOGUE).exists():
        return nullcontext()
    from indexer.decode import Framing
    from indexer.discover import discover
    from indexer.encoder import find_bundle, read_model
    from indexer.reading import Reading

    return Reading(discover(folders), Framing.from_json(read_model(find_bundle(encoder))["framing"]))


def _encoder(place: Path, option: str | None) -> Encoder:
    from indexer.encoder import load_encoder
    from indexer.index import Index

    if not Index.exists(place):
        return load_encoder(option)
    from latentsearch.search import encoder_of

    with Index.open(place) as index:
        return encoder_of(index, option)


def _predictor(option: str | None) -> AttributeEncoder | None:
    from indexer.attributes import load_attribute_encoder

    return None if option is None else load_attribute_encoder(option or None)


def _for_people(summary: Summary, prune: bool) -> str:
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
    if summary.failed_before:
        lines.append(f"{summary.failed_before} of these have not changed since they failed, and were not tried again")
    if summary.vanished:
        fate = "and were removed" if prune else "--prune removes them"
        lines.append(f"{summary.vanished} have vanished{' ' if prune else ': '}{fate}")
    return "\n".join(lines)
