"""`latentsearch check`: check that the files of the index are intact and consistent."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from latentsearch.cli.options import Verb, index_option, json_option


@click.command("check", cls=Verb)
@index_option
@json_option()
def command(location: str | None, as_json: bool) -> None:
    """Check that the files of the index are intact and consistent.

    Derived files, such as the search index, are rebuilt if they are missing, out of date or damaged. If anything else
    is damaged, the exit code is 6.
    """
    from indexer.errors import DamagedIndex
    from latentsearch.interface.collection import open

    with open(location) as index:
        report = index.check()
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        lines = [*report.looked_at, *(f"rebuilt: {what}" for what in report.rebuilt)]
        lines += [f"damaged: {what}" for what in report.problems]
        click.echo("\n".join(lines))
    if report.problems:
        count = len(report.problems)
        raise DamagedIndex(
            f"{count} {'thing is' if count == 1 else 'things are'} damaged in the index at {index.folder}: "
            "index the folders again, into a new index"
        )
