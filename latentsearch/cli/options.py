"""What verbs have in common: options and arguments that several declare, and the types of their values.

What does not fit a type is one sentence, before any work is done. Nothing here takes time to import.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from indexer.numbers import GREATEST, LEAST
from latentsearch.cli import Diagnostics

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
WHOLE = click.IntRange(LEAST, GREATEST)
COUNT = click.IntRange(1, GREATEST)
COUNT_OR_NONE = click.IntRange(0, GREATEST)
# What PyTorch and numpy both begin with.
SEED = click.IntRange(0, GREATEST)
THREADS = click.IntRange(1, 1_024)


class Finite(click.FloatRange):
    """A number in a range, which neither infinity nor NaN is: comparisons alone let NaN through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails for what is none, for infinity and NaN, and outside of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SHARE = Finite(0, 1)
POSITIVE = Finite(0, min_open=True)
NOT_NEGATIVE = Finite(0)


DEBUG = "--debug"


class Verb(click.Command):
    """A command with --verbose and --debug, which every verb has."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += [
            click.Option(
                ["--verbose"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_log,
                help="Say more on stderr: index, encoder, times.",
            ),
            click.Option([DEBUG], is_flag=True, expose_value=False, help="Show the traceback of an error."),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for --debug first, so that it shows what is wrong with the other arguments too."""
        if DEBUG in args[: args.index("--") if "--" in args else None]:
            ctx.ensure_object(Diagnostics).debug = True
        return super().parse_args(ctx, args)


def _log(context: click.Context, option: click.Parameter, verbose: bool) -> None:
    from latentsearch.cli.stderr import log_to_stderr

    log_to_stderr(verbose)


images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=PATH)

index_option = click.option(
    "--index", "location", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX or the user's own]."
)


def encoder_option(text: str) -> Callable[[F], F]:
    """--encoder, with its help."""
    return click.option("--encoder", metavar="NAME", help=text)


def output_option(text: str, required: bool = True, **settings: Any) -> Callable[[F], F]:
    """--output, with its help: a file or a folder to write, as `target`."""
    return click.option("-o", "--output", "target", required=required, type=PATH, help=text, **settings)


def json_option(text: str = "Print one JSON object.") -> Callable[[F], F]:
    """--json, with its help, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def csv_option(text: str) -> Callable[[F], F]:
    """--csv, with its help, as `as_csv`."""
    return click.option("--csv", "as_csv", is_flag=True, help=text)
