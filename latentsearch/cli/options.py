"""The options of verbs, the types of their values, and the output that some of them choose: logs and result formats.

A value of the wrong type is reported in one sentence before any work starts. This module imports quickly.
"""

from __future__ import annotations

import itertools
import logging
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from indexer.numbers import GREATEST, LEAST
from latentsearch.cli import Diagnostics, tell

if TYPE_CHECKING:
    from latentsearch.query import Answer, Name, Results

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
THREADS = click.IntRange(1, 1_024)
DEBUG = "--debug"
# `train`, `export` and `data fetch` log their steps as part of their own output, so these messages have no prefix.
STEPS = ("latentsearch.interface.training", "latentsearch.export.", "latentsearch.data.")
images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=PATH)
SORTS = ("similarity", "taken", "name")  # as in latentsearch.query, which is imported later

sort_option = click.option(
    "--sort",
    type=click.Choice(SORTS),
    default=SORTS[0],
    show_default=True,
    help="The order of the pictures found: the most similar first, the oldest first (pictures without a date last), or "
    "by file name. Ranks are those by similarity.",
)
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


NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
# The value of a bare `--diverse`.
USUAL_VARIETY = 0.5


class QueryVerb(Verb):
    """Accepts `--diverse` with and without a number. click alone would read any next word as the value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replace a bare `--diverse` by its full form."""
        whole = [
            f"{word}={USUAL_VARIETY}" if word == "--diverse" and not NUMBER.fullmatch(after) else word
            for word, after in itertools.pairwise([*args, ""])
        ]
        return super().parse_args(ctx, whole)


def _log(context: click.Context, option: click.Parameter, verbose: bool) -> None:
    log_to_stderr(verbose)


class Lines(logging.Handler):
    """Prints log messages in the format of the command line's own messages."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        sentence = self.format(record)
        if record.levelno > logging.DEBUG and record.name.startswith(STEPS):
            click.echo(sentence, err=True)
        else:
            tell(sentence)


def log_to_stderr(verbose: bool) -> None:
    """Print log messages on stderr from now on: INFO and above; with `verbose`, DEBUG, too."""
    for package in ("indexer", "latentsearch"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
        if not any(isinstance(handler, Lines) for handler in logger.handlers):
            logger.addHandler(Lines())


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


def picture_name(given: str) -> Name:
    """Parse the name of a picture: an Address for a URL, else a Path."""
    from latentsearch.query import Address

    return Address(given) if Address.is_one(given) else Path(given)


class Weighted(NamedTuple):
    """What the user gave, without its weight, and the weight."""

    item: Any
    weight: float

    @classmethod
    def picture(cls, given: str) -> Weighted:
        """Parse WEIGHT:PICTURE."""
        name, weight = _without_weight(given)
        return cls(picture_name(name), weight)

    @classmethod
    def path(cls, given: str) -> Weighted:
        """Parse WEIGHT:PATH."""
        name, weight = _without_weight(given)
        return cls(Path(name), weight)


class WeightedId(click.ParamType[Weighted]):
    """Parses WEIGHT:ID."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Weighted:
        """Parse the weight and the id; fail if the id is not a whole number from 1."""
        number, weight = _without_weight(value)
        return Weighted(COUNT.convert(number, param, ctx), weight)


def _without_weight(given: str) -> tuple[str, float]:
    if not given[:1].isdigit() and not given.startswith((".", "+", "-")):
        return given, 1.0
    from latentsearch.notation import weighted

    weight, name = weighted(given)
    return name, weight


@dataclass(frozen=True)
class Form:
    """An output format: "table", "json", "csv", "paths" or "lines". null: end each path with a NUL byte."""

    name: str
    null: bool

    @classmethod
    def chosen(cls, asked: Mapping[str, bool], null: bool) -> Form:
        """Choose the requested format, else a table in a terminal and lines in a pipe. Raises UsageError for two."""
        names = [name for name, is_asked in asked.items() if is_asked]
        if len(names) > 1:
            raise click.UsageError(f"--{names[0]} and --{names[1]} exclude each other")
        if null and names != ["paths"]:
            raise click.UsageError("-0 goes with --paths")
        return cls(names[0] if names else "table" if sys.stdout.isatty() else "lines", null)

    def show(self, results: Results) -> None:
        """Print the answer to a query."""
        from latentsearch.search import formats

        if self.name == "table":
            self._show_table(results)
        elif self.name == "paths":
            _print(formats.as_paths(results, null=self.null))
        else:
            write = {"json": formats.as_json, "csv": formats.as_csv, "lines": formats.as_lines}[self.name]
            _print(write(results))

    def begin(self, label_names: Sequence[str]) -> None:
        """Print the header before the answers to several queries, for formats that have one."""
        if self.name == "csv":
            from latentsearch.search import formats

            _print(formats.csv_header(label_names))

    def show_one(self, answer: Answer, label_names: Sequence[str]) -> None:
        """Print one of several answers. Unreadable pictures go to stdout in JSON, and to stderr in other formats."""
        from latentsearch.query import Unreadable
        from latentsearch.search import formats

        if self.name == "json":
            _print(formats.as_json_line(answer))
        elif isinstance(answer, Unreadable):
            tell(f"{formats.readable(answer.query)}: {answer.reason}")
        elif self.name == "table":
            click.echo(formats.readable(formats.name_of(answer)))
            self._show_table(answer)
        elif self.name == "csv":
            _print(formats.as_named_csv(answer, label_names))
        elif self.name == "lines":
            _print(formats.as_lines(answer, named=True))
        else:
            _print(formats.as_paths(answer, null=self.null))

    def _show_table(self, results: Results) -> None:
        from rich.console import Console

        from latentsearch.search import formats

        console = Console()
        console.print(formats.as_table(results, console.width))


def form_options(command: Callable[..., None]) -> Callable[..., None]:
    """Declare --table, --json, --csv, --paths and -0, and pass them to the command as one `form`."""

    @click.option("--table", "as_table", is_flag=True, help="Print a table, even to a pipe.")
    @json_option("Print one JSON object; with --batch, one per line.")
    @csv_option("Print CSV, with a column per label.")
    @click.option("--paths", "as_paths", is_flag=True, help="Print only the paths, one per line.")
    @click.option("-0", "--null", is_flag=True, help="With --paths: end each path with a NUL byte, for `xargs -0`.")
    @wraps(command)
    def with_form(*, as_table: bool, as_json: bool, as_csv: bool, as_paths: bool, null: bool, **others: Any) -> None:
        asked = {"table": as_table, "json": as_json, "csv": as_csv, "paths": as_paths}
        command(form=Form.chosen(asked, null), **others)

    return with_form


def _print(content: bytes) -> None:
    click.echo(content, nl=False)
