"""The command line: one file a verb, parsing only; results on stdout, everything else on stderr."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from indexer.errors import LatentsearchError

# The help line stands here so that `--help` imports no verb.
VERBS = {
    "index": "Add the pictures of folders to the index.",
    "query": "Find the pictures most like a given one.",
    "status": "Show what the index holds.",
    "remove": "Remove pictures from the index; their files stay.",
    "check": "Check the index and rebuild what is derived.",
    "encoders": "List the encoders that can be used.",
    "train": "Learn codes from a folder of pictures.",
    "export": "Make an encoder bundle of a training run.",
    "sample": "Draw pictures from a bundle's generator.",
    "data": "List, fetch and verify public data sets.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"latentsearch.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and turn our own errors into one line and an exit code."""
        try:
            return super().main(*args, **kwargs)
        except LatentsearchError as error:
            click.echo(f"latentsearch: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="latentsearch")
def main() -> None:
    """Find the pictures most like a given one, in any folder, on this machine alone."""
