"""Command-line options that several experiments share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.core.results import RESULTS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

faces_option = click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="A folder in CelebA's format."
)
bundles_option = click.option(
    "--bundle", "bundles", multiple=True, help="An encoder's name or folder; may be repeated. [the shipped]"
)
keep_option = click.option("--keep", is_flag=True, help="Keep the stored rows of other methods.")
results_option = click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder for results. [benchmarks/results]"
)


def runs_option(required: bool = False) -> Decorator:
    """Make the option --run, which may be repeated and passes the paths as `runs`."""
    path = click.Path(path_type=Path)
    return click.option(
        "--run", "runs", multiple=True, required=required, type=path, help="A training run; may be repeated."
    )
