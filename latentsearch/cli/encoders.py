"""`latentsearch encoders`: list the available encoders."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from indexer.encoders.encoder import bundle_folders
from indexer.paths import printable
from latentsearch.cli import tell
from latentsearch.cli.options import Verb, json_option
from latentsearch.interface.encoding import encoders

COLUMNS = ("name", "MB", "family", "latent size", "trained on", "agreement@1", "path")
NUMBERS = {"MB", "latent size", "agreement@1"}


@click.command("encoders", cls=Verb)
@json_option("Print a JSON array with one object per encoder, including scores and training data.")
def command(as_json: bool) -> None:
    """List the encoders that can be used by name: the included ones, then your own.

    A terminal gets a table. A pipe gets a line per encoder, without a heading, with tabs between name, size in MB,
    family, latent size (numbers per code), training data, agreement@1 and path. agreement@1 is the share of 40
    attributes that a face and its most similar face have in common; two random faces share 0.73.
    """
    bundles = encoders()
    if as_json:
        click.echo(json.dumps(bundles, indent=2))
    elif not bundles:
        places = " and ".join(printable(folder) for folder in bundle_folders())
        tell(f"no encoders in {places}: make one with `latentsearch export`")
    elif _in_terminal():
        _print_table([_row(bundle) for bundle in bundles])
    else:
        for bundle in bundles:
            click.echo("\t".join(_row(bundle)))


def _in_terminal() -> bool:
    return sys.stdout.isatty()


def _row(bundle: dict[str, Any]) -> tuple[str, ...]:
    """One bundle as text, in the order of COLUMNS."""
    score = (bundle["scores"] or {}).get("agreement@1")
    return (
        bundle["name"],
        f"{bundle['bytes'] / 1e6:.1f}",
        bundle["family"] or "",
        str(bundle["latent_size"]),
        str((bundle["trained"] or {}).get("data", "")),
        "" if score is None else f"{score:.3f}",
        printable(bundle["path"]),
    )


def _print_table(rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
