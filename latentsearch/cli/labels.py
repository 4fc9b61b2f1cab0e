"""`latentsearch labels`: list the labels of the pictures in the index."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from latentsearch.cli import tell
from latentsearch.cli.options import Verb, index_option, json_option

if TYPE_CHECKING:
    from indexer.catalog.label_summary import LabelSummary

COLUMNS = ("name", "type", "pictures", "values")


@click.command("labels", cls=Verb)
@index_option
@json_option("Print a JSON array with one object per label or fact; facts have `fact`: true.")
def command(location: str | None, as_json: bool) -> None:
    """List the labels of the pictures in the index, for `latentsearch query --where` and --set.

    After the labels come facts that pictures state about themselves, for --where: file:taken, file:camera and so on,
    where `file:` tells them from labels of the same name and may be left out otherwise.

    A terminal gets a table. A pipe gets a line per label, without a heading, with tabs between name, type (yes/no,
    whole number, number, text, mixed or date), the number of pictures that have it, and its values. These are the count
    of each value, or the range from least to greatest if there are many, and the number of predicted ones, if any.
    """
    from latentsearch.interface.collection import open

    with open(location) as index:
        labels = index.labels()
        facts = [replace(fact, name=f"file:{fact.name}") for fact in index.facts()]
    if as_json:
        found = [*map(_plain, labels), *({**_plain(fact), "fact": True} for fact in facts)]
        click.echo(json.dumps(found, indent=2))
        return
    labels += facts
    if not labels:
        tell("no picture has a label: add some with `latentsearch index --labels FILE.csv`")
    elif _in_terminal():
        _print_table([_row(label) for label in labels])
    else:
        for label in labels:
            click.echo("\t".join(_row(label)))


def _in_terminal() -> bool:
    return sys.stdout.isatty()


def _plain(label: LabelSummary) -> dict[str, object]:
    plain: dict[str, object] = {"name": label.name, "type": label.type, "count": label.count}
    if label.predicted:
        plain["predicted"] = label.predicted
    if label.values is not None:
        plain["values"] = [{"value": value, "count": count} for value, count in label.values]
    if label.least is not None:
        plain |= {"least": label.least, "greatest": label.greatest}
    return plain


def _row(label: LabelSummary) -> tuple[str, ...]:
    """One label as text, in the order of COLUMNS."""
    from latentsearch.search.formats import readable

    values = readable(_values(label)) + (f" ({label.predicted} predicted)" if label.predicted else "")
    return readable(label.name), label.type, str(label.count), values


def _values(label: LabelSummary) -> str:
    if label.type == "yes/no" and label.values is not None:
        return ", ".join(f"{count} {'yes' if value else 'no'}" for value, count in reversed(label.values))
    if label.values is not None:
        return ", ".join(f"{count} of {value}" for value, count in label.values)
    return "" if label.least is None else f"{label.least} to {label.greatest}"


def _print_table(rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == "pictures" else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
