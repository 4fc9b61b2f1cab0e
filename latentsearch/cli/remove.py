"""`latentsearch remove PATH…`: pictures out of the index."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("remove")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--index", "option", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX or the user's own].")
def command(paths: tuple[Path, ...], option: str | None) -> None:
    """Remove pictures, or all pictures of folders, from the index; their files stay.

    A file that is still there comes back when its folder is indexed again.
    """
    from indexer.index.writer import IndexWriter

    with IndexWriter.open(IndexWriter.locate(option)) as index:
        removed = index.remove(paths)
    click.echo(f"{len(removed)} {'picture' if len(removed) == 1 else 'pictures'} removed")
