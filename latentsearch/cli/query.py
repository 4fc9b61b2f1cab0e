"""`latentsearch query`: the pictures most like given ones."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli import tell
from latentsearch.cli.options import COUNT, PATH, WHOLE, Verb, encoder_option, index_option
from latentsearch.cli.showing import Form, form_options

if TYPE_CHECKING:
    from latentsearch.query import Name

if TYPE_CHECKING:
    from latentsearch.query import Change, Name, Options, Results
    from latentsearch.search.folder import FolderSearch

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
USUAL_VARIETY = 0.5
# As many as a picture file can hold, and anyone would look at.
ROWS_OF_SHEET = 50


class QueryCommand(Verb):
    """Takes `--diverse` with and without a number: click would take the next word for one, whatever it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a bare `--diverse` in full."""
        whole = [
            f"{word}={USUAL_VARIETY}" if word == "--diverse" and not NUMBER.fullmatch(after) else word
            for word, after in itertools.pairwise([*args, ""])
        ]
        return super().parse_args(ctx, whole)


def picture_name(given: str) -> Name:
    """The name of a picture: a path, or an address, which as a path would lose a slash."""
    from latentsearch.query import Address

    return Address(given) if Address.is_one(given) else Path(given)


def contents_of(names: tuple[Name, ...]) -> dict[str, bytes]:
    """The bytes of pictures that are no files."""
    from latentsearch.query import PIPED, Address, check_files

    check_files(names)
    given = {str(PIPED): _piped()} if PIPED in names else {}
    addresses = [name for name in dict.fromkeys(names) if isinstance(name, Address)]
    return given | {address: _fetched(address) for address in addresses}


def _piped() -> bytes:
    if sys.stdin.isatty():
        raise click.UsageError("- is a picture on standard input: pipe one in")
    return sys.stdin.buffer.read()


def _fetched(address: str) -> bytes:
    from latentsearch.address import fetch_picture
    from latentsearch.cli.stderr import Bar

    with Bar("fetching", unit="bytes") as bar:
        return fetch_picture(address, bar.show if bar.is_shown else None)


@click.command("query", cls=QueryCommand)
@click.argument("images", nargs=-1, metavar="[IMAGE]...", type=picture_name)
@click.option(
    "--id", "ids", type=COUNT, multiple=True, metavar="N", help="Query with the stored picture of this id, too."
)
@click.option("--minus", type=picture_name, multiple=True, metavar="IMAGE", help="Subtract a picture; may be repeated.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda ctx, parameter, given: _changes(given),
    help="As the queried pictures would be with a label set to 1 or 0; may be repeated.",
)
@click.option(
    "--set-by",
    metavar="directions|BUNDLE",
    default="directions",
    show_default=True,
    help="Set labels by moving codes, or by drawing pictures anew with the generator of an icgan BUNDLE.",
)
@click.option("--batch", type=PATH, metavar="DIR", help="Query with every picture of a folder, each by itself.")
@click.option("-k", "k", type=WHOLE, default=20, show_default=True, help="How many pictures to return.")
@click.option("--where", multiple=True, metavar="CONDITION", help="Only pictures for which this holds: see above.")
@click.option(
    "--under", type=PATH, multiple=True, metavar="DIR", help="Only pictures in this folder, or in one of several."
)
@click.option("--max-distance", type=float, metavar="D", help="Only pictures at most this far away.")
@click.option("--min-similarity", type=float, metavar="S", help="Only pictures at least this similar, 0 to 1.")
@click.option(
    "--diverse", type=float, metavar="[LAMBDA]", help="Unlike one another, too: 1 likeness, 0 variety  [0.5]."
)
@index_option
@encoder_option("Insist on this encoder, by name or folder; it must be the index's.")
@click.option(
    "--exclude-self", is_flag=True, help="Leave out the queried pictures themselves and exact copies of them."
)
@form_options
@click.option("--sheet", type=PATH, metavar="FILE", help="Also write a contact sheet.")
def command(
    images: tuple[Name, ...],
    ids: tuple[int, ...],
    minus: tuple[Name, ...],
    batch: Path | None,
    location: str | None,
    encoder: str | None,
    form: Form,
    sheet: Path | None,
    **chosen: Any,
) -> None:
    """Find the pictures most like IMAGE, the most alike first; of several, most like their mean.

    IMAGE - is a picture on standard input; https://… is fetched, that one picture alone, and file://… read.

    Similarity is the share of random pairs of training pictures whose codes are farther apart than these two:
    0.9990 means that one random pair in a thousand is as close. It reads the same for every encoder.

    A CONDITION is a label or a file fact, one of = != < <= > >= ~ !~ (pattern with * ? [a-z], or not) and a value:
    --where Eyeglasses=1 --where 'age>=30' --where 'added>2026-01-31' --where 'name~IMG_*'. All must hold; a picture
    without the label never matches. File facts: id, path, name, size (bytes), width, height, added, changed. Put
    what holds spaces at its ends or signs in "quotation marks"; write label:NAME or file:NAME where both have one.

    --set Eyeglasses=1 looks for the same picture but with glasses, --set Smiling=0 for it without a smile: for labels
    that are 1 or 0 in this index. The first time it learns from labelled pictures what they look like. Distance and
    similarity stay those to the picture as it is. With --set-by BUNDLE, for labels that this bundle learned with: its
    generator draws the picture with them set, and what it drew is searched for; the index needs no labels.

    A terminal gets a table, with the labels that are true; a pipe gets lines of rank, id, distance, similarity,
    path and labels, separated by tabs.
    """
    _check(bool(images or ids), batch, sheet)
    from latentsearch.query import Options, Query

    options = Options(**chosen)
    options.check()
    given = contents_of(images + minus)
    if batch is not None:
        from latentsearch.search.folder import FolderSearch

        with FolderSearch(batch, options, minus, given, index=location, encoder=encoder) as search:
            _search_folder(search, options, given, form, sheet)
    else:
        from latentsearch.search.search import search as search_once

        query = Query(images, ids, minus, given)
        results = search_once(query, options, index=location, encoder=encoder)
        _show(results, options, given, form, sheet)


def _changes(given: tuple[str, ...]) -> tuple[Change, ...]:
    from latentsearch.query import Change

    return tuple(map(Change.parse, given))


def _check(is_picture_named: bool, batch: Path | None, sheet: Path | None) -> None:
    """Look at what was asked before anything is opened."""
    if batch is not None and is_picture_named:
        raise click.UsageError("--batch searches for the pictures of its folder alone: name no others")
    if batch is None and not is_picture_named:
        raise click.UsageError("name a picture, or a stored one with --id, or a folder of them with --batch")
    if sheet:
        from latentsearch.search.contact_sheet import check_target

        check_target(sheet)


def _show(results: Results, options: Options, given: Mapping[str, bytes], form: Form, sheet: Path | None) -> None:
    form.show(results)
    if sheet:
        from latentsearch.search.contact_sheet import write_sheet

        write_sheet(results, sheet, given)
    if len(results.hits) < options.k:
        tell(f"{len(results.hits)} of {options.k} pictures returned: {_why_fewer(results, options)}")


def _why_fewer(results: Results, options: Options) -> str:
    if options.max_distance is not None or options.min_similarity is not None:
        matching = "" if results.matching is None else f", of {results.matching} in the index that match"
        return f"no others are as near as asked for{matching}"
    return "the index has no more" if results.matching is None else f"{results.matching} in the index match"


def _search_folder(
    search: FolderSearch, options: Options, given: Mapping[str, bytes], form: Form, sheet: Path | None
) -> None:
    from latentsearch.query import Results

    asked = unread = fewer = 0
    rows: list[Results] = []
    form.begin(search.label_names)
    for answer in search:
        form.show_one(answer, search.label_names)
        asked += 1
        if isinstance(answer, Results):
            fewer += len(answer.hits) < options.k
            rows += [answer] if len(rows) < ROWS_OF_SHEET else []
        else:
            unread += 1
    if unread:
        tell(f"{unread} of {asked} pictures could not be read")
    if fewer:
        matching = f": {search.matching} in the index match" if search.matching is not None else ""
        tell(f"fewer than {options.k} pictures returned for {fewer} of {asked}{matching}")
    if sheet:
        from latentsearch.search.contact_sheet import write_rows

        write_rows(rows, sheet, given)
        if len(rows) < asked - unread:
            tell(f"the sheet shows the first {len(rows)} of {asked - unread}")
