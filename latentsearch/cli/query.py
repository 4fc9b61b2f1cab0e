"""`latentsearch query`: find the pictures most like given ones."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli import tell
from latentsearch.cli.options import COUNT, PATH, WHOLE, Form, Verb, encoder_option, form_options, index_option

if TYPE_CHECKING:
    from latentsearch.interface.results import FolderResults, Results
    from latentsearch.query import Change, Name, Options


NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
# The value of a bare `--diverse`.
USUAL_VARIETY = 0.5
# The most queries on one contact sheet: file formats limit the height, and nobody looks at a taller sheet.
ROWS_OF_SHEET = 50


class QueryCommand(Verb):
    """Accepts `--diverse` with and without a number. click alone would read any next word as the value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replace a bare `--diverse` by its full form."""
        whole = [
            f"{word}={USUAL_VARIETY}" if word == "--diverse" and not NUMBER.fullmatch(after) else word
            for word, after in itertools.pairwise([*args, ""])
        ]
        return super().parse_args(ctx, whole)


def picture_name(given: str) -> Name:
    """Parse the name of a picture: an Address for a URL, else a Path."""
    from latentsearch.query import Address

    return Address(given) if Address.is_one(given) else Path(given)


def contents_of(names: tuple[Name, ...]) -> dict[str, bytes]:
    """Read standard input and fetch URLs; return their bytes by name. Files are not read here."""
    from latentsearch.query import PIPED, Address, check_files

    check_files(names, "--batch")
    given = {str(PIPED): _piped()} if PIPED in names else {}
    addresses = [name for name in dict.fromkeys(names) if isinstance(name, Address)]
    return given | {address: _fetched(address) for address in addresses}


def _piped() -> bytes:
    if sys.stdin.isatty():
        raise click.UsageError("- stands for a picture on standard input: pipe one in")
    return sys.stdin.buffer.read()


def _fetched(address: str) -> bytes:
    from latentsearch.address import fetch_picture
    from latentsearch.cli.stderr import Bar

    with Bar("fetching", unit="bytes") as bar:
        return fetch_picture(address, bar.show if bar.is_shown else None)


@click.command("query", cls=QueryCommand)
@click.argument("images", nargs=-1, metavar="[IMAGE]...", type=picture_name)
@click.option(
    "--id",
    "ids",
    type=COUNT,
    multiple=True,
    metavar="N",
    help="Search for the stored picture with this id, alone or with IMAGEs; may be repeated.",
)
@click.option(
    "--minus",
    type=picture_name,
    multiple=True,
    metavar="IMAGE",
    help="Subtract the code of this picture; may be repeated.",
)
@click.option(
    "--set",
    "set",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda ctx, parameter, given: _changes(given),
    help="Search for pictures like the query but with a label set to 1 or 0; may be repeated.",
)
@click.option(
    "--set-by",
    metavar="directions|BUNDLE",
    default="directions",
    show_default=True,
    help="How to set labels: by learned directions, or by redrawing the query with the generator of an icgan BUNDLE.",
)
@click.option("--batch", type=PATH, metavar="DIR", help="Search for every picture of a folder, one by one.")
@click.option("-k", "k", type=WHOLE, help="The most pictures to return.  [default: 20; 200 with --within]")
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Return only pictures that satisfy this condition (see above); may be repeated, and all must hold.",
)
@click.option(
    "--under",
    type=PATH,
    multiple=True,
    metavar="DIR",
    help="Return only pictures below this folder; may be repeated, and one must hold.",
)
@click.option("--max-distance", type=float, metavar="D", help="Return only pictures at this distance or nearer.")
@click.option(
    "--min-similarity", type=float, metavar="S", help="Return only pictures with this similarity or more, 0 to 1."
)
@click.option(
    "--within",
    metavar="1/N",
    help="Return all pictures that are as close as one random pair of the index's pictures in N, such as 1/1000.",
)
@click.option(
    "--diverse",
    type=float,
    metavar="[LAMBDA]",
    help="Return pictures that differ from one another. LAMBDA is from 0 (only variety) to 1 (only similarity), 0.5 if "
    "left out.  [default: rank by distance]",
)
@index_option
@encoder_option("Require this encoder, by name or folder: fail if the index has another.  [default: the index's]")
@click.option("--exclude-self", is_flag=True, help="Leave out the queried pictures and exact copies of them.")
@form_options
@click.option(
    "--sheet",
    type=PATH,
    metavar="FILE",
    help="Also draw the query and its results on a contact sheet, a PNG, JPEG or WebP file.",
)
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
    """Find the pictures of the index that are most like IMAGE, or like the mean of several; the most similar first.

    IMAGE is a file, - for standard input, or an address with https://, http:// or file://. Nothing else is fetched.

    Similarity, from 0 to 1, is the share of random pairs of training pictures whose codes are farther apart than query
    and result, so it means the same for every encoder. Tables and contact sheets show the other pairs, as `pairs as
    close`: 1 in 15,000 means that one random pair in 15,000 is as close. JSON, CSV and lines say 0.999934.

    A CONDITION is a label or a file fact, an operator and a value. Operators are = != < <= > >=, and ~ and !~ for a
    pattern with * ? [a-z] that must or must not match: --where Eyeglasses=1 --where 'age>=30' --where
    'added>2026-01-31' --where 'name~IMG_*'. A picture without the label never matches. File facts are id, path, name,
    size (bytes), width and height (pixels), incomplete (1 for truncated files), added and changed (dates). Put names
    and values with operators or outer spaces in "quotation marks". Write label:NAME or file:NAME where both exist.

    --set Eyeglasses=1 searches for pictures like IMAGE but with glasses. The label must be 1 or 0 in this index; the
    first such query learns from the labelled pictures what labels look like in codes. Distance and similarity are those
    to the unchanged IMAGE. With --set-by BUNDLE, the bundle's generator redraws IMAGE with the label set and the
    drawing is searched for; the index needs no labels, but the bundle must have been trained with them.

    A terminal gets a table with the labels that are true. A pipe gets lines with tabs between rank, id, distance,
    similarity, path and labels.
    """
    _check(bool(images or ids), batch, sheet)
    options = _options(**chosen)
    given = contents_of(images + minus)
    asked = {**chosen, "minus": minus, "given": given}
    from latentsearch.interface.collection import open

    with open(location, encoder) as index:
        if batch is not None:
            _show_all(index.search_folder(batch, **asked), options, given, form, sheet)
        else:
            _show(index.search([*images, *ids], **asked), options, given, form, sheet)


def _options(set: tuple[Change, ...], **others: Any) -> Options:
    """Check the options before anything is opened or fetched."""
    from indexer.errors import InputError
    from latentsearch.interface.queries import options_of

    options = options_of(set=set, **others)
    if options.drawn_anew and not set:
        raise InputError("--set-by needs a label to set: name one with --set, or leave out --set-by")
    options.check()
    return options


def _changes(given: tuple[str, ...]) -> tuple[Change, ...]:
    from latentsearch.query import Change

    return tuple(map(Change.parse, given))


def _check(is_picture_named: bool, batch: Path | None, sheet: Path | None) -> None:
    """Check that the arguments go together, before anything is opened."""
    if batch is not None and is_picture_named:
        raise click.UsageError("--batch searches for the pictures of a folder: leave out IMAGE and --id")
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
    if options.within is not None and options.max_distance is None and options.min_similarity is None:
        _tell_of_cutoff(results, options.within, options.k)
    elif len(results.hits) < options.k:
        tell(f"{len(results.hits)} of {options.k} pictures returned: {_why_fewer(results, options)}")


def _tell_of_cutoff(results: Results, share: float, k: int) -> None:
    """Say on stderr that no picture lies within the cut-off, or that -k left some out."""
    from latentsearch.notation import share_in_words

    if not results.hits:
        among = "" if results.matching is None else f" of {results.matching} in the index that match"
        tell(f"no picture{among} is as close as {share_in_words(share)} of this index")
    elif len(results.hits) == k:
        tell(f"the first {k} pictures returned: more may be as close as {share_in_words(share)}, see -k")


def _why_fewer(results: Results, options: Options) -> str:
    if options.max_distance is not None or options.min_similarity is not None:
        matching = "" if results.matching is None else f", of {results.matching} in the index that match"
        return f"no others are near enough{matching}"
    return "the index has no more" if results.matching is None else f"{results.matching} in the index match"


def _show_all(
    answers: FolderResults, options: Options, given: Mapping[str, bytes], form: Form, sheet: Path | None
) -> None:
    from latentsearch.interface.results import Results

    asked = unread = fewer = 0
    rows: list[Results] = []
    form.begin(answers.label_names)
    for answer in answers:
        form.show_one(answer, answers.label_names)
        asked += 1
        if isinstance(answer, Results):
            fewer += len(answer.hits) < (options.k if options.within is None else 1)
            rows += [answer] if len(rows) < ROWS_OF_SHEET else []
        else:
            unread += 1
    if unread:
        tell(f"{unread} of {asked} pictures could not be read")
    if fewer:
        matching = f": {answers.matching} in the index match" if answers.matching is not None else ""
        few = f"fewer than {options.k} pictures" if options.within is None else "no pictures"
        tell(f"{few} returned for {fewer} of {asked}{matching}")
    if sheet:
        from latentsearch.search.contact_sheet import write_rows

        write_rows(rows, sheet, given)
        if len(rows) < asked - unread:
            tell(f"the sheet shows the first {len(rows)} of {asked - unread}")
