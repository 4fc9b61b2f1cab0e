"""Options and arguments that several verbs share, and the types of their values.

A value of the wrong type is reported in one sentence before any work starts. This module imports quickly.
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
THREADS = click.IntRange(1, 1_024)
DEBUG = "--debug"
images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=PATH)
index_option = click.option(
    "--index",
    "location",
    metavar="DIR",
    help="The folder of the index.  [default: $LATENTSEARCH_INDEX, or one index per user]",
)


class Whole(click.types.IntParamType):
    """A whole number in a range. Help does not print the range: its upper bound, 2**63 - 1, would only be noise."""

    def __init__(self, least: int, greatest: int = GREATEST) -> None:
        self._range = click.IntRange(least, greatest)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the number; fail if it is not a whole number or out of range."""
        number: int = self._range.convert(value, param, ctx)
        return number


WHOLE = Whole(LEAST)
COUNT = Whole(1)
COUNT_OR_NONE = Whole(0)
# Seeds that both PyTorch and numpy accept.
SEED = Whole(0)


class Finite(click.FloatRange):
    """A number in a range. Rejects infinity and NaN, which click's comparisons let through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the number; fail if it is not a number, not finite, or out of range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SHARE = Finite(0, 1)
POSITIVE = Finite(0, min_open=True)
NOT_NEGATIVE = Finite(0)


class Verb(click.Command):
    """A command with the options --verbose and --debug, which every verb has."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += [
            click.Option(
                ["--verbose"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_log,
                help="Log more on stderr: index, encoder and times.",
            ),
            click.Option([DEBUG], is_flag=True, expose_value=False, help="Show the traceback of an error."),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for --debug first, so that it applies to errors in the other arguments, too."""
        if DEBUG in args[: args.index("--") if "--" in args else None]:
            ctx.ensure_object(Diagnostics).debug = True
        return super().parse_args(ctx, args)


def _log(context: click.Context, option: click.Parameter, verbose: bool) -> None:
    from latentsearch.cli.stderr import log_to_stderr

    log_to_stderr(verbose)


def encoder_option(text: str) -> Callable[[F], F]:
    """Declare --encoder with this help."""
    return click.option("--encoder", metavar="NAME", help=text)


def output_option(text: str, required: bool = True, **settings: Any) -> Callable[[F], F]:
    """Declare --output with this help: a file or folder to write, passed as `target`."""
    return click.option("-o", "--output", "target", required=required, type=PATH, help=text, **settings)


def json_option(text: str = "Print one JSON object.") -> Callable[[F], F]:
    """Declare --json with this help, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def csv_option(text: str) -> Callable[[F], F]:
    """Declare --csv with this help, passed as `as_csv`."""
    return click.option("--csv", "as_csv", is_flag=True, help=text)
