"""`latentsearch duplicates`: pictures of the index that are copies of one another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from latentsearch.copies import Duplicates


@click.command("duplicates")
@click.option("--index", "option", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX or the user's own].")
@click.option("--exact", is_flag=True, help="Only files with the same bytes.")
@click.option("--near", is_flag=True, help="Only pictures that look the same and have other bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row a picture.")
@click.option(
    "--delete-plan", type=click.Path(path_type=Path), metavar="FILE", help="Also write a script to delete by."
)
def command(option: str | None, exact: bool, near: bool, as_json: bool, as_csv: bool, delete_plan: Path | None) -> None:
    """List groups of pictures that are copies: the same bytes, re-encoded, resized, mirrored, cropped, brightened.

    The best of each group comes first: most pixels, then most bytes, then the oldest. Nothing is deleted, not even
    with --delete-plan: it writes a shell script to read and change, which deletes only as `sh FILE delete`, and only
    files that have not changed since.

    A pipe gets lines of group, kind, changes, likeness, size, bytes, id and path, separated by tabs.
    """
    for one, other, named in ((exact, near, "--exact and --near"), (as_json, as_csv, "--json and --csv")):
        if one and other:
            raise click.UsageError(f"{named} exclude each other")
    from latentsearch.cli.progress import Bar
    from latentsearch.deletion_plan import check_plan, write_plan
    from latentsearch.duplicate_forms import summary
    from latentsearch.duplicates import find_duplicates

    if delete_plan:
        check_plan(delete_plan)
    with Bar("looking for copies") as bar:
        found = find_duplicates(
            option,
            exact=exact,
            near=near,
            report=lambda what, done, total: bar.show(done, total, what, pace=" "),
        )
    _show(found, as_json, as_csv)
    if delete_plan:
        write_plan(found, delete_plan)
    _tell_left_out(found)
    click.echo(f"latentsearch: {summary(found)}", err=True)


def _show(found: Duplicates, as_json: bool, as_csv: bool) -> None:
    from latentsearch import duplicate_forms

    if as_json or as_csv:
        click.echo((duplicate_forms.as_json if as_json else duplicate_forms.as_csv)(found), nl=False)
    elif sys.stdout.isatty():
        click.echo(duplicate_forms.as_blocks(found))
    else:
        click.echo(duplicate_forms.as_lines(found), nl=False)


def _tell_left_out(found: Duplicates) -> None:
    count = len(found.left_out)
    if count:
        files = "file has gone or changed" if count == 1 else "files have gone or changed"
        click.echo(
            f"latentsearch: {count} {files} and {'was' if count == 1 else 'were'} left out; --json says why", err=True
        )
