"""`latentsearch attributes IMAGE…`: which attributes pictures show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentsearch.cli import tell
from latentsearch.cli.options import Verb, encoder_option, images_argument, json_option

if TYPE_CHECKING:
    from latentsearch.attributes.predict import View


@click.command("attributes", cls=Verb)
@images_argument
@encoder_option("A bundle that learned with labels, by name or folder  [attributes].")
@json_option("Print a JSON array of one object a picture.")
def command(images: tuple[Path, ...], encoder: str | None, as_json: bool) -> None:
    """Tell which attributes pictures show, as an encoder sees them that learned with labels.

    A value near 1 says that an attribute is there, near 0 that it is not; from 0.5 on it is said to hold. The encoder
    that ships tells 18 attributes of faces; others come of `latentsearch train icgan` or `attributes`, and
    `latentsearch export`.

    A terminal gets a table; a pipe gets a line for each picture and attribute: path, attribute, 1 or 0, and the
    value, separated by tabs. A picture that cannot be used is told on stderr, and the others are looked at.
    """
    from indexer.encoders.attributes import load_attribute_encoder
    from latentsearch.attributes.predict import view
    from latentsearch.query import Unreadable
    from latentsearch.search.formats import readable

    loaded = load_attribute_encoder(encoder)
    looked_at = view(images, loaded)
    views = [one for one in looked_at if not isinstance(one, Unreadable)]
    for one in looked_at:
        if isinstance(one, Unreadable):
            tell(f"{readable(one.query)}: {one.reason}")
    if as_json:
        click.echo(json.dumps([{**one.to_json(), "encoder": loaded.name} for one in views], indent=2))
    elif sys.stdout.isatty():
        _print_table(views)
    else:
        for one in views:
            click.echo("\n".join("\t".join(row) for row in _rows(one)))


def _rows(view: View) -> list[tuple[str, ...]]:
    from latentsearch.search.formats import readable

    path = readable(view.path)
    return [(path, readable(name), str(int(view.holds(name))), f"{value:.4f}") for name, value in view.values.items()]


def _print_table(views: list[View]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from latentsearch.search.formats import readable

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("attribute")
    for one in views:
        table.add_column(readable(Path(one.path).name), justify="right", overflow="fold")
    for name in views[0].values:
        cells = [Text(f"{one.values[name]:.2f}", style="bold" if one.holds(name) else "dim") for one in views]
        table.add_row(Text(readable(name)), *cells)
    Console().print(table)
