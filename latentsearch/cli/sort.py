"""The option `--sort` of `latentsearch query`."""

from __future__ import annotations

import click

# As latentsearch.query.SORTS, which is imported later.
SORTS = ("similarity", "taken", "name")

sort_option = click.option(
    "--sort",
    type=click.Choice(SORTS),
    default=SORTS[0],
    show_default=True,
    help="The order of the pictures found: the most similar first, the oldest first (pictures without a date last), or "
    "by file name. Ranks are those by similarity.",
)
