"""`latentsearch import FILE`: add pictures and codes from a Parquet file to the index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli import Interrupted
from latentsearch.cli.options import PATH, Verb, encoder_option, index_option, json_option
from latentsearch.cli.stderr import Bar

if TYPE_CHECKING:
    from indexer.parquet.load import ImportSummary
    from latentsearch.interface.foreign_codes import VectorSummary

GOES_ON = "interrupted: the pictures imported so far are kept; run the same command again to continue"


@click.command("import", cls=Verb)
@click.argument("file", type=PATH)
@index_option
@encoder_option("The encoder of the codes, by name or folder.  [default: the index's, or the file's for a new index]")
@click.option(
    "--paths",
    metavar="FILE|COLUMN",
    help="The text file with a path per line for a .npy file; a Parquet file's column.",
)
@click.option("--vectors", metavar="COLUMN", help="The column of vectors of a Parquet file that is no export.")
@click.option(
    "--distance",
    type=click.Choice(["cosine", "euclidean"]),
    help="How vectors are compared.  [default: the index's, or cosine for a new index]",
)
@json_option("Print the summary as one JSON object.")
def command(file: Path, location: str | None, encoder: str | None, as_json: bool, **foreign: Any) -> None:
    """Add pictures, codes and labels from a Parquet file, written by `latentsearch export`, to a new or existing index.

    The picture files themselves are not read. If a path is already in the index with other content or another code, the
    Parquet file's replaces it; labels are added. The codes must come from the index's encoder. A damaged file is
    refused as a whole.

    Vectors of any encoder are imported, too, into an index of their own: from a .npy file with one vector per row and
    --paths, or from a Parquet file with a column of paths and one of vectors. NAME is then any name for their encoder.
    Picture files are read for their sizes and hashes; those that cannot be read are left out. Search such an index with
    `query --like PATH`, `--id` or `--vector`; pictures that are not in it cannot be encoded.
    """
    from latentsearch.interface.foreign_codes import import_vectors
    from latentsearch.interface.parquet import import_parquet
    from latentsearch.vector_files import holds_vectors

    try:
        with Bar("importing") as bar:
            show = (lambda step, done, total: bar.show(done, total, step)) if bar.is_shown else None
            if holds_vectors(file):
                summary: ImportSummary | VectorSummary = import_vectors(
                    file, location, encoder=encoder, **foreign, on_progress=show
                )
            elif any(foreign.values()):
                raise click.UsageError("--paths, --vectors and --distance go with a file of vectors that is no export")
            else:
                summary = import_parquet(file, location, encoder, on_progress=show)
    except KeyboardInterrupt:
        raise Interrupted(GOES_ON) from None
    click.echo(json.dumps(summary.to_json()) if as_json else _for_people(summary))


def _for_people(summary: ImportSummary | VectorSummary) -> str:
    counts = f"{summary.found} pictures: {summary.added} added"
    if summary.replaced:
        counts += f", {summary.replaced} of them replacing stored ones"
    unreadable = getattr(summary, "unreadable", 0)
    if unreadable:
        counts += f", {unreadable} left out because their files cannot be read (see `latentsearch status --failures`)"
    return counts + (f", {summary.unchanged} already there" if summary.unchanged else "")
