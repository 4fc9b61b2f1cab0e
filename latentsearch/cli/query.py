"""`latentsearch query`: find the pictures most like given ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from latentsearch.cli import tell
from latentsearch.cli.options import (
    COUNT,
    PATH,
    WHOLE,
    Form,
    QueryVerb,
    Weighted,
    WeightedId,
    encoder_option,
    form_options,
    index_option,
    sort_option,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latentsearch.interface.collection import Collection
    from latentsearch.interface.results import FolderResults, Results
    from latentsearch.notation import Change
    from latentsearch.query import Name, Options


class Asked(NamedTuple):
    """The pictures that the command line names, with their weights, and the parts of the images."""

    images: tuple[Weighted, ...]
    ids: tuple[Weighted, ...]
    like: tuple[Weighted, ...]
    vector: tuple[Weighted, ...]
    minus: tuple[Weighted, ...]
    crop: tuple[str, ...]


def contents_of(names: tuple[Name, ...]) -> dict[str, bytes]:
    """Read standard input and fetch URLs; return their bytes by name. Files are not read here."""
    from latentsearch.query import PIPED, Address, check_files

    check_files(names, "--batch")
    wanted = [name for name in dict.fromkeys(names) if isinstance(name, Address) or name == PIPED]
    if not wanted:
        return {}
    from latentsearch.cli.query_sources import content_of

    return {str(name): content_of(name) for name in sorted(wanted, key=lambda name: name != PIPED)}


@click.command("query", cls=QueryVerb)
@click.argument("images", nargs=-1, metavar="[IMAGE]...", type=Weighted.picture)
@click.option(
    "--id",
    "ids",
    type=WeightedId(),
    multiple=True,
    metavar="N",
    help="Search for the stored picture with this id, alone or with IMAGEs; may be repeated.",
)
@click.option(
    "--like",
    type=Weighted.path,
    multiple=True,
    metavar="PATH",
    help="Search for the stored picture with this path, by its stored code; may be repeated.",
)
@click.option(
    "--vector",
    type=Weighted.path,
    multiple=True,
    metavar="FILE",
    help="Search by the vector in this .npy file, or the mean of several in it; may be repeated.",
)
@click.option(
    "--minus",
    type=Weighted.picture,
    multiple=True,
    metavar="IMAGE",
    help="Subtract the code of this picture; may be repeated.",
)
@click.option(
    "--crop",
    multiple=True,
    metavar="X,Y,W,H",
    help="Search for this part of IMAGE, in pixels or in shares such as 0.25,0,0.5,1; may be repeated, once per IMAGE.",
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
@click.option(
    "--face", type=COUNT, metavar="N", help="In an index with faces: search for the N-th largest face of the IMAGE."
)
@click.option("--whole", is_flag=True, help="In an index with faces: search whole pictures.")
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
@sort_option
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
    batch: Path | None, location: str | None, encoder: str | None, form: Form, sheet: Path | None, **chosen: Any
) -> None:
    """Find the pictures of the index that are most like IMAGE, or like the mean of several; the most similar first.

    IMAGE is a file, - for standard input, or an address with https://, http:// or file://. Nothing else is fetched.

    Similarity, from 0 to 1, is the share of random pairs of training pictures whose codes are farther apart than query
    and result, so it means the same for every encoder. Tables and contact sheets show the other pairs, as `pairs as
    close`: 1 in 15,000 means that one random pair in 15,000 is as close. JSON, CSV and lines say 0.999934.

    A number and a colon before a picture are its weight: 2:one.jpg two.jpg counts one.jpg twice, --minus 0.5:three.jpg
    subtracts half. A file literally named 2:one.jpg has no weight. --crop measures the upright IMAGE from the top left.

    A CONDITION is a label or a file fact, an operator and a value. Operators are = != < <= > >=, and ~ and !~ for a
    pattern with * ? [a-z] that must or must not match: --where Eyeglasses=1 --where 'age>=30' --where
    'taken>=2024-05' --where 'camera~*iPhone*' --where near=48.2,16.3,5km. A picture without the label or fact never
    matches. File facts are id, path, name, size (bytes), width and height (pixels), megapixels, shape (landscape,
    portrait or square), incomplete (1 for truncated files), added and changed (dates), and what the picture itself
    states: taken (a date), camera, lens, latitude, longitude and orientation (Exif's). Put names and values with
    operators or outer spaces in "quotation marks". Write label:NAME or file:NAME where both exist.

    --set Eyeglasses=1 searches for pictures like IMAGE but with glasses. The label must be 1 or 0 in this index; the
    first such query learns from the labelled pictures what labels look like in codes. Distance and similarity are those
    to the unchanged IMAGE. With --set-by BUNDLE, the bundle's generator redraws IMAGE with the label set and the
    drawing is searched for; the index needs no labels, but the bundle must have been trained with them.

    In an index with faces (`latentsearch index --faces`), the largest face of IMAGE is searched for among the faces;
    results are the pictures, with the box of each face in pixels: left, top, right, bottom. If IMAGE shows no face,
    whole pictures are searched. Codes of faces are similar where faces look similar; they identify nobody.

    A terminal gets a table with the labels that are true. A pipe gets lines with tabs between rank, id, distance,
    similarity, path and labels.
    """
    asked = Asked(*(chosen.pop(name) for name in Asked._fields))
    _check(asked, batch, sheet)
    options = _options(**chosen)
    given = contents_of(tuple(one.item for one in asked.images + asked.minus))
    chosen |= {"minus": [one.item for one in asked.minus], "minus_weights": _weights(asked.minus), "given": given}
    from latentsearch.interface.collection import open

    with open(location, encoder) as index:
        if batch is not None:
            _show_all(index.search_folder(batch, **chosen), options, given, form, sheet)
        else:
            _show(_answer(index, asked, chosen), options, given, form, sheet)


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
    if not given:
        return ()
    from latentsearch.notation import Change

    return tuple(map(Change.parse, given))


def _check(asked: Asked, batch: Path | None, sheet: Path | None) -> None:
    """Check that the arguments go together, before anything is opened."""
    named = bool(asked.images + asked.ids + asked.like + asked.vector)
    if batch is not None and named:
        raise click.UsageError(
            "--batch searches for the pictures of a folder: leave out IMAGE, --id, --like and --vector"
        )
    if batch is None and not named:
        raise click.UsageError("name a picture, or a stored one with --id or --like, or a folder of them with --batch")
    if asked.crop and not asked.images:
        raise click.UsageError("--crop cuts a part from an IMAGE: name one")
    if asked.crop:
        from latentsearch.notation import parts_of

        parts_of(asked.crop, len(asked.images))
    if sheet:
        from latentsearch.search.contact_sheet import check_target

        check_target(sheet)


def _answer(index: Collection, asked: Asked, chosen: dict[str, Any]) -> Results:
    stored = tuple(Weighted(index.id_of(path), weight) for path, weight in asked.like)
    vectors = tuple(Weighted(code, weight) for file, weight in asked.vector for code in _codes_in(file))
    plus = asked.images + asked.ids + stored + vectors
    return index.search([one.item for one in plus], **chosen, weights=_weights(plus), crop=asked.crop or None)


def _codes_in(file: Path) -> NDArray[np.float32]:
    """Return the vectors in a .npy file, (n, d)."""
    import numpy as np

    from latentsearch.vector_files import read_npy

    return np.atleast_2d(read_npy(file))


def _weights(given: tuple[Weighted, ...]) -> list[float] | None:
    """Return the weights, None if all are 1."""
    weights = [one.weight for one in given]
    return None if set(weights) <= {1.0} else weights


def _show(results: Results, options: Options, given: Mapping[str, bytes], form: Form, sheet: Path | None) -> None:
    form.show(results)
    if results.faces or results.faceless:
        from latentsearch.cli.query_answers import tell_of_faces

        tell_of_faces(results)
    if sheet:
        from latentsearch.search.contact_sheet import write_sheet

        write_sheet(results, sheet, given)
    if options.within is not None and options.max_distance is None and options.min_similarity is None:
        from latentsearch.cli.query_answers import tell_of_cutoff

        tell_of_cutoff(results, options.within, options.k)
    elif len(results.hits) < options.k:
        tell(f"{len(results.hits)} of {options.k} pictures returned: {_why_fewer(results, options)}")


def _why_fewer(results: Results, options: Options) -> str:
    if options.max_distance is not None or options.min_similarity is not None:
        matching = "" if results.matching is None else f", of {results.matching} in the index that match"
        return f"no others are near enough{matching}"
    return "the index has no more" if results.matching is None else f"{results.matching} in the index match"


def _show_all(answers: FolderResults, *others: Any) -> None:
    from latentsearch.cli.query_answers import show_all

    show_all(answers, *others)
