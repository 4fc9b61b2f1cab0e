"""Stored results -> pages with tables and plots; searches nothing, reads no picture."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Protocol, cast

import click

from benchmarks.core.results import CHECKOUT, RESULTS, load
from benchmarks.experiments.label_similarity.page import NAME as LABEL_SIMILARITY
from benchmarks.experiments.label_similarity.page import readme_table
from indexer.errors import InputError

README, EXPERIMENTS = CHECKOUT / "README.md", CHECKOUT / "benchmarks" / "experiments"
START, END = "<!-- label-table -->", "<!-- /label-table -->"


class Page(Protocol):
    """A module `page` of an experiment. PAGES: the names of the stored results that it makes pages of."""

    PAGES: tuple[str, ...]

    def write(self, record: dict[str, Any], folder: Path) -> list[Path]:
        """Make the page of a stored record, and return the paths of what was written."""


def all_pages() -> dict[str, Page]:
    """Name of a stored result -> the module that makes its page, in alphabetical order."""
    found: dict[str, Page] = {}
    for path in sorted(EXPERIMENTS.glob("*/page.py")):
        page = cast(Page, importlib.import_module(f"benchmarks.experiments.{path.parent.name}.page"))
        found |= dict.fromkeys(page.PAGES, page)
    return dict(sorted(found.items()))


def fill_readme(path: Path, table: str) -> bool:
    """Put the table between the markers of a README; False, and nothing written, where they are missing."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        return False
    path.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    return True


@click.command("report", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="From where. [benchmarks/results]")
@click.option("--readme", type=click.Path(path_type=Path), default=README, help="What to fill. [README.md]")
def command(results: Path, readme: Path) -> None:
    """Make the page of every experiment whose results are stored, and fill the table of the README."""
    stored = {name: page for name, page in all_pages().items() if (results / f"{name}.json").is_file()}
    if not stored:
        commands = ", ".join(f"`python -m benchmarks {name}`" for name in all_pages())
        raise InputError(f"no results in {results}: run one of {commands} first")
    for name, page in stored.items():
        record = load(name, results)
        for path in page.write(record, results):
            click.echo(path)
        if name == LABEL_SIMILARITY and not fill_readme(readme, readme_table(record)):
            click.echo(f"{readme} has no {START} … {END}: left as it is", err=True)


def main(arguments: list[str]) -> None:
    """Run the command."""
    command(arguments, standalone_mode=False)
