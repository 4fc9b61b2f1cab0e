"""Print answers to standard output in the requested format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli import tell
from latentsearch.cli.options import csv_option, json_option

if TYPE_CHECKING:
    from latentsearch.query import Answer, Results


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
