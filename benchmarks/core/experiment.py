"""Defines what an experiment's modules `run` and `page` must contain, and how its command is built and run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click

from benchmarks.core.results import RESULTS, store


class Experiment(Protocol):
    """The module `run` of an experiment's folder; the list of experiments shows its docstring's first line.

    NAME: the command's name; results are stored under it, or under names that start with it. measure: turns loaded data
    into figures; its arguments differ between experiments. command: reads options and data, measures, prints and
    stores.
    """

    NAME: str
    measure: Callable[..., Any]
    command: click.Command


class Page(Protocol):
    """The module `page` of an experiment's folder; optional.

    PAGES: the names of the stored results for which it writes pages.
    """

    PAGES: tuple[str, ...]

    def write(self, record: dict[str, Any], folder: Path) -> list[Path]:
        """Write the page of a stored record and return the paths written."""


def experiment(name: str, help: str | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Turn a function into the command of this experiment; the help text is its docstring, or `help`."""
    return click.command(name, context_settings={"help_option_names": ["-h", "--help"]}, help=help)


def run_command(command: click.Command, arguments: list[str]) -> None:
    """Run an experiment's command with the given arguments.

    Raises what the experiment raises, and click's exceptions for invalid options.
    """
    command.main(arguments, prog_name=f"python -m benchmarks {command.name}", standalone_mode=False)


def publish(name: str, result: dict[str, Any], folder: Path = RESULTS, has_page: bool = True) -> None:
    """Store a result, and report on stderr where it is and how to make its page."""
    then = "; `python -m benchmarks report` makes the page" if has_page else ""
    click.echo(f"stored in {store(name, result, folder)}{then}", err=True)
