"""`latentsearch remove PATH…`: remove pictures from the index."""

from __future__ import annotations

from pathlib import Path

import click

from latentsearch.cli.options import PATH, Verb, index_option


@click.command("remove", cls=Verb)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PATH)
@index_option
def command(paths: tuple[Path, ...], location: str | None) -> None:
    """Remove pictures, or all pictures below folders, from the index. Their files are not touched.

    If a file still exists, the next `latentsearch index` of its folder adds it again.
    """
    from latentsearch.interface.collection import open

    with open(location) as index:
        removed = index.remove(*paths)
    click.echo(f"{len(removed)} {'picture' if len(removed) == 1 else 'pictures'} removed")
