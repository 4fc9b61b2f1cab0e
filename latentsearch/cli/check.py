"""`latentsearch check`: do the files of the index agree with one another?"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from latentsearch.cli.options import Verb, index_option, json_option


@click.command("check", cls=Verb)
@index_option
@json_option()
def command(location: str | None, as_json: bool) -> None:
    """Check the index, and rebuild what is derived where it is missing, stale or damaged.

    Ends with exit code 6 where something else is damaged.
    """
    from indexer.errors import DamagedIndex
    from latentsearch.interface.opening import open

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
            "index the folders anew, into another index"
        )
