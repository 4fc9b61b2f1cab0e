"""The contract of an experiment: what its modules `run` and `page` hold, and how its command is made and run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click

from benchmarks.core.results import RESULTS, store


class Experiment(Protocol):
    """The module `run` of an experiment's folder; its docstring's first line stands in the list of experiments.

    NAME: of the command; results are stored under it, or under names that begin with it. measure: from what was loaded
    to figures, with arguments of the experiment's own. command: reads the options and the data, measures, prints and
    stores.
    """

    NAME: str
    measure: Callable[..., Any]
    command: click.Command


class Page(Protocol):
    """The module `page` of an experiment's folder, if it has one.

    PAGES: the names of the stored results that it makes pages of.
    """

    PAGES: tuple[str, ...]

    def write(self, record: dict[str, Any], folder: Path) -> list[Path]:
        """Make the page of a stored record, and return the paths of what was written."""


results_option = click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, help="Where to. [benchmarks/results]"
)


def experiment(name: str, help: str | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function the command of the experiment of this name; its help is the function's docstring, or `help`."""
    return click.command(name, context_settings={"help_option_names": ["-h", "--help"]}, help=help)


def run_command(command: click.Command, arguments: list[str]) -> None:
    """Run an experiment's command with the words that follow its name.

    Raises what the experiment raises, and click's exceptions for options that are wrong.
    """
    command.main(arguments, prog_name=f"python -m benchmarks {command.name}", standalone_mode=False)


def publish(name: str, result: dict[str, Any], folder: Path = RESULTS, has_page: bool = True) -> None:
    """Store a result, and say on stderr where it is and how its page is made."""
    then = "; `python -m benchmarks report` makes the page" if has_page else ""
    click.echo(f"stored in {store(name, result, folder)}{then}", err=True)
