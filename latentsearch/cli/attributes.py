"""`latentsearch attributes IMAGE…`: predict which attributes pictures show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import latentsearch as ls
from latentsearch.cli import tell
from latentsearch.cli.options import Verb, encoder_option, images_argument, json_option

if TYPE_CHECKING:
    from latentsearch.attributes.predict import Prediction


@click.command("attributes", cls=Verb)
@images_argument
@encoder_option("A bundle trained with labels, by name or folder.  [default: attributes]")
@json_option("Print a JSON array with one object per picture.")
def command(images: tuple[Path, ...], encoder: str | None, as_json: bool) -> None:
    """Predict which attributes pictures show, with an encoder that was trained with labels.

    Each attribute gets a value from about 0 (absent) to about 1 (present); 0.5 or more counts as present. The bundle
    `attributes`, which is included, knows 18 attributes of faces. To make another, run `latentsearch train icgan` or
    `latentsearch train attributes`, then `latentsearch export`.

    A terminal gets a table. A pipe gets a line per picture and attribute with tabs between path, attribute, 1 or 0,
    and the value. A picture that cannot be read is reported on stderr and skipped.
    """
    from latentsearch.query import Unreadable
    from latentsearch.search.formats import readable

    answers = ls.predict_labels(images, encoder)
    predictions = [one for one in answers if not isinstance(one, Unreadable)]
    for one in answers:
        if isinstance(one, Unreadable):
            tell(f"{readable(one.query)}: {one.reason}")
    if as_json:
        click.echo(json.dumps([one.to_json() for one in predictions], indent=2))
    elif sys.stdout.isatty():
        _print_table(predictions)
    else:
        for one in predictions:
            click.echo("\n".join("\t".join(row) for row in _rows(one)))


def _rows(one: Prediction) -> list[tuple[str, ...]]:
    from latentsearch.search.formats import readable

    path = readable(one.path)
    return [(path, readable(name), str(int(one.holds(name))), f"{value:.4f}") for name, value in one.values.items()]


def _print_table(predictions: list[Prediction]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from latentsearch.search.formats import readable

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("attribute")
    for one in predictions:
        table.add_column(readable(Path(one.path).name), justify="right", overflow="fold")
    for name in predictions[0].values:
        cells = [Text(f"{one.values[name]:.2f}", style="bold" if one.holds(name) else "dim") for one in predictions]
        table.add_row(Text(readable(name)), *cells)
    Console().print(table)
