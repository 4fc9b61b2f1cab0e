"""`latentsearch query`: the pictures most like a given one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from latentsearch.results import Results


@click.command("query")
@click.argument("image", required=False, type=click.Path(path_type=Path))
@click.option("--id", "image_id", type=int, metavar="N", help="Query with the stored picture of this id instead.")
@click.option("-k", "k", type=int, default=20, show_default=True, help="How many pictures to return.")
@click.option("--index", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX, else the user's own].")
@click.option("--encoder", metavar="NAME", help="Insist on this encoder, by name or folder; it must be the index's.")
@click.option("--exclude-self", is_flag=True, help="Leave out the queried picture itself and exact copies of it.")
@click.option("--table", "as_table", is_flag=True, help="Print a table, in a pipe too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a column for every label.")
@click.option("--paths", "as_paths", is_flag=True, help="Print the paths alone, one a line.")
@click.option("-0", "--null", is_flag=True, help="With --paths: end each with a NUL byte, for `xargs -0`.")
@click.option("--sheet", type=click.Path(path_type=Path), metavar="FILE", help="Also write a contact sheet.")
def command(
    image: Path | None,
    image_id: int | None,
    k: int,
    index: str | None,
    encoder: str | None,
    exclude_self: bool,
    as_table: bool,
    as_json: bool,
    as_csv: bool,
    as_paths: bool,
    null: bool,
    sheet: Path | None,
) -> None:
    """Find the pictures most like IMAGE, the most alike first.

    Similarity is the share of random pairs of training pictures whose codes are farther apart than these two:
    0.9990 means that one random pair in a thousand is as close. It reads the same for every encoder.

    A terminal gets a table, with the labels that are true; a pipe gets lines of rank, id, distance, similarity,
    path and labels, separated by tabs.
    """
    asked = {"table": as_table, "json": as_json, "csv": as_csv, "paths": as_paths}
    forms = [form for form, chosen in asked.items() if chosen]
    if (image is None) == (image_id is None):
        raise click.UsageError("name one picture, or a stored one with --id")
    if len(forms) > 1:
        raise click.UsageError(f"--{forms[0]} and --{forms[1]} exclude each other")
    if null and not as_paths:
        raise click.UsageError("-0 goes with --paths")
    if sheet:
        _check_sheet(sheet)
    from latentsearch.search import search

    query = image if image is not None else image_id
    assert query is not None
    results = search(query, k, index=index, encoder=encoder, exclude_self=exclude_self)
    _show(results, forms[0] if forms else _usual_form(), null)
    if sheet:
        _write_sheet(results, sheet)
    if len(results.hits) < k:
        click.echo(f"latentsearch: {len(results.hits)} of {k} pictures returned: the index has no more", err=True)


def _usual_form() -> str:
    return "table" if sys.stdout.isatty() else "lines"


def _show(results: Results, form: str, null: bool) -> None:
    from latentsearch import output

    if form == "table":
        from rich.console import Console

        console = Console()
        console.print(output.as_table(results, console.width))
    elif form == "paths":
        click.echo(output.as_paths(results, null=null), nl=False)
    else:
        write = {"json": output.as_json, "csv": output.as_csv, "lines": output.as_lines}[form]
        click.echo(write(results), nl=False)


def _check_sheet(target: Path) -> None:
    from latentsearch.sheet import check_target

    check_target(target)


def _write_sheet(results: Results, target: Path) -> None:
    from latentsearch.sheet import write_sheet

    write_sheet(results, target)
