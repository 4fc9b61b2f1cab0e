"""`latentsearch duplicates`: pictures of the index that are copies of one another."""

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
@click.option("--exact", is_flag=True, help="Only files with the same bytes.")
@click.option("--near", is_flag=True, help="Only pictures that look the same and have other bytes.")
@json_option()
@csv_option("Print CSV, a row a picture.")
@click.option("--delete-plan", type=PATH, metavar="FILE", help="Also write a script to delete by.")
@click.option(
    "--delete",
    "kinds",
    type=click.Choice(CHANGES),
    metavar="KIND",
    multiple=True,
    help="Have the plan delete copies of this kind too; may be repeated.",
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
    """List groups of pictures that are copies, and what each copy has lost.

    The best of each group, the one that lost least, comes first. A copy is exact (the same bytes), same (re-encoded or
    resized, nothing lost but quality), or altered: still of an animation, one page of a document, shortened,
    flattened, greyed, recoloured, fewer colours, cropped, turned, mirrored, brightened.

    Nothing is deleted, not even with --delete-plan: it writes a shell script to read and change, which deletes only as
    `sh FILE delete`, and only files that have not changed since. It names exact and same copies, and what --delete
    adds, but never a copy that has something that the file kept for it lacks.

    A pipe gets lines of group, kind, changes, likeness, size, bytes, id and path, separated by tabs.
    """
    for one, other, named in ((exact, near, "--exact and --near"), (as_json, as_csv, "--json and --csv")):
        if one and other:
            raise click.UsageError(f"{named} exclude each other")
    if kinds and not delete_plan:
        raise click.UsageError("--delete says what the plan deletes: name one with --delete-plan")
    from latentsearch.cli.stderr import Bar
    from latentsearch.duplicates.deletion_plan import check_plan, write_plan
    from latentsearch.duplicates.formats import summary
    from latentsearch.interface.opening import find_duplicates

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
        write_plan(found, delete_plan, kinds)
    _tell_left_out(found)
    _tell_torn(found)
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


def _tell_torn(found: Duplicates) -> None:
    """Say of how many copies neither goes."""
    count = sum(bool(copy.to_best and copy.to_best.gained) for copy in found.spare)
    if count:
        has = (
            "copy has something that the best of its group lacks, so"
            if count == 1
            else ("copies have something that the best of their groups lacks, so")
        )
        tell(f"{count} {has} no plan deletes either; --json says what")
