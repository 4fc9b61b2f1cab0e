"""`latentsearch import FILE`: add pictures and codes from a Parquet file to the index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentsearch.cli import Interrupted
from latentsearch.cli.options import PATH, Verb, encoder_option, index_option, json_option
from latentsearch.cli.stderr import Bar

if TYPE_CHECKING:
    from indexer.parquet.load import ImportSummary

GOES_ON = "interrupted: the pictures imported so far are kept; run the same command again to continue"


@click.command("import", cls=Verb)
@click.argument("file", type=PATH)
@index_option
@encoder_option("The encoder of the codes, by name or folder.  [default: the index's, or the file's for a new index]")
@json_option("Print the summary as one JSON object.")
def command(file: Path, location: str | None, encoder: str | None, as_json: bool) -> None:
    """Add pictures, codes and labels from a Parquet file, written by `latentsearch export`, to a new or existing index.

    The picture files themselves are not read. If a path is already in the index with other content or another code, the
    Parquet file's replaces it; labels are added. The codes must come from the index's encoder. A damaged file is
    refused as a whole.
    """
    from latentsearch.interface.parquet import import_parquet

    try:
        with Bar("importing") as bar:
            show = (lambda step, done, total: bar.show(done, total, step)) if bar.is_shown else None
            summary = import_parquet(file, location, encoder, on_progress=show)
    except KeyboardInterrupt:
        raise Interrupted(GOES_ON) from None
    click.echo(json.dumps(summary.to_json()) if as_json else _for_people(summary))


def _for_people(summary: ImportSummary) -> str:
    counts = f"{summary.found} pictures: {summary.added} added"
    if summary.replaced:
        counts += f", {summary.replaced} of them replacing stored ones"
    return counts + (f", {summary.unchanged} already there" if summary.unchanged else "")
