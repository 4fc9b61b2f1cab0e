"""`latentsearch duplicates`: find pictures of the index that are copies of one another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentsearch.cli import tell
from latentsearch.cli.options import PATH, Verb, csv_option, index_option, json_option
from latentsearch.duplicates.compare.changes import CHANGES

if TYPE_CHECKING:
    from latentsearch.duplicates.results import Duplicates


@click.command("duplicates", cls=Verb)
@index_option
@click.option("--exact", is_flag=True, help="Find only files with the same bytes.")
@click.option("--near", is_flag=True, help="Find only pictures that look the same but differ in their bytes.")
@json_option()
@csv_option("Print CSV with a row per picture.")
@click.option("--delete-plan", type=PATH, metavar="FILE", help="Also write a shell script that can delete the copies.")
@click.option(
    "--delete",
    "kinds",
    type=click.Choice(CHANGES),
    metavar="KIND",
    multiple=True,
    help="Let the plan delete copies with this change, too, such as cropped; may be repeated.",
)
def command(
    location: str | None,
    exact: bool,
    near: bool,
    as_json: bool,
    as_csv: bool,
    delete_plan: Path | None,
    kinds: tuple[str, ...],
) -> None:
    """List groups of pictures that are copies of one another, and how each copy was changed.

    Each group begins with its best picture, which has lost least. A copy is exact (the same bytes), same (re-encoded or
    resized, with no loss but quality), or altered: still of an animation, one page of a document, shortened, flattened,
    greyed, recoloured, fewer colours, cropped, turned, mirrored, brightened.

    This command deletes nothing. --delete-plan writes a shell script to read and edit. `sh FILE` lists what it would
    delete; `sh FILE delete` deletes it, except for files that have changed since they were indexed. The plan contains
    exact and same copies, and those of the kinds named by --delete, but never a copy that has something that the kept
    file lacks.

    A terminal gets blocks of lines. A pipe gets lines with tabs between group, kind, changes, likeness, size, bytes, id
    and path.
    """
    for one, other, named in ((exact, near, "--exact and --near"), (as_json, as_csv, "--json and --csv")):
        if one and other:
            raise click.UsageError(f"{named} exclude each other")
    if kinds and not delete_plan:
        raise click.UsageError("--delete needs a plan: name its file with --delete-plan")
    from latentsearch.cli.stderr import Bar
    from latentsearch.duplicates.deletion_plan import check_plan
    from latentsearch.duplicates.formats import summary
    from latentsearch.interface.collection import find_duplicates

    if delete_plan:
        check_plan(delete_plan)
    with Bar("looking for copies") as bar:
        found = find_duplicates(
            location,
            exact=exact,
            near=near,
            on_progress=lambda what, done, total: bar.show(done, total, what, pace=" "),
        )
    _show(found, as_json, as_csv)
    if delete_plan:
        found.write_plan(delete_plan, kinds)
    _tell_left_out(found)
    _tell_not_deleted(found)
    tell(summary(found))


def _show(found: Duplicates, as_json: bool, as_csv: bool) -> None:
    from latentsearch.duplicates import formats

    if as_json or as_csv:
        click.echo((formats.as_json if as_json else formats.as_csv)(found), nl=False)
    elif sys.stdout.isatty():
        click.echo(formats.as_blocks(found))
    else:
        click.echo(formats.as_lines(found), nl=False)


def _tell_left_out(found: Duplicates) -> None:
    count = len(found.left_out)
    if count:
        files = "file has gone or changed" if count == 1 else "files have gone or changed"
        tell(f"{count} {files} and {'was' if count == 1 else 'were'} left out; --json says why")


def _tell_not_deleted(found: Duplicates) -> None:
    """Report the copies that no plan deletes because they have something that the best lacks."""
    count = sum(bool(copy.to_best and copy.to_best.gained) for copy in found.spare)
    if count:
        keeps = (
            "copy has something that the best of its group lacks, so no plan deletes it"
            if count == 1
            else "copies have something that the best of their groups lacks, so no plan deletes them"
        )
        tell(f"{count} {keeps}; --json says what")
