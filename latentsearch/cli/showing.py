"""Answers -> standard output, in the form that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from latentsearch.results import Answer, Results


@dataclass(frozen=True)
class Form:
    """How to print: "table", "json", "csv", "paths" or "lines"; null: end paths with a NUL byte."""

    name: str
    null: bool

    @classmethod
    def chosen(cls, asked: Mapping[str, bool], null: bool) -> Form:
        """The one that was asked for, else a table in a terminal and lines in a pipe. Raises UsageError for two."""
        names = [name for name, is_asked in asked.items() if is_asked]
        if len(names) > 1:
            raise click.UsageError(f"--{names[0]} and --{names[1]} exclude each other")
        if null and names != ["paths"]:
            raise click.UsageError("-0 goes with --paths")
        return cls(names[0] if names else "table" if sys.stdout.isatty() else "lines", null)

    def show(self, results: Results) -> None:
        """Print the answer to a query."""
        from latentsearch import output

        if self.name == "table":
            self._show_table(results)
        elif self.name == "paths":
            _print(output.as_paths(results, null=self.null))
        else:
            write = {"json": output.as_json, "csv": output.as_csv, "lines": output.as_lines}[self.name]
            _print(write(results))

    def begin(self, label_names: Sequence[str]) -> None:
        """Print what stands before the answers to many queries."""
        if self.name == "csv":
            from latentsearch import output

            _print(output.csv_header(label_names))

    def show_one(self, answer: Answer, label_names: Sequence[str]) -> None:
        """Print one of many; of a picture that could not be read, JSON tells on standard output, the others beside."""
        from latentsearch import output
        from latentsearch.results import Unreadable

        if self.name == "json":
            _print(output.as_json_line(answer))
        elif isinstance(answer, Unreadable):
            click.echo(f"latentsearch: {output.readable(answer.query)}: {answer.reason}", err=True)
        elif self.name == "table":
            click.echo(output.readable(output.name_of(answer)))
            self._show_table(answer)
        elif self.name == "csv":
            _print(output.as_named_csv(answer, label_names))
        elif self.name == "lines":
            _print(output.as_lines(answer, named=True))
        else:
            _print(output.as_paths(answer, null=self.null))

    def _show_table(self, results: Results) -> None:
        from rich.console import Console

        from latentsearch import output

        console = Console()
        console.print(output.as_table(results, console.width))


def _print(content: bytes) -> None:
    click.echo(content, nl=False)
