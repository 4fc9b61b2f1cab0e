"""Stored results -> pages with tables and plots; searches nothing, reads no picture."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any, Protocol, cast

import click

from benchmarks import pages
from benchmarks.pages.label_similarity import NAME as LABEL_SIMILARITY
from benchmarks.pages.label_similarity import readme_table
from benchmarks.results_store import CHECKOUT, RESULTS, load
from indexer.errors import InputError

README = CHECKOUT / "README.md"
START, END = "<!-- label-table -->", "<!-- /label-table -->"


class Page(Protocol):
    """What a module of benchmarks.pages is."""

    NAME: str

    def write(self, record: dict[str, Any], folder: Path) -> list[Path]:
        """Make the page of a stored record, and return the paths of what was written."""


def all_pages() -> list[Page]:
    """Every module of benchmarks.pages that has a NAME, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(pages.__path__))
    modules = [importlib.import_module(f"{pages.__name__}.{name}") for name in names]
    return [cast(Page, module) for module in modules if hasattr(module, "NAME")]


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
    stored = [page for page in all_pages() if (results / f"{page.NAME}.json").is_file()]
    if not stored:
        commands = ", ".join(f"`python -m benchmarks {page.NAME}`" for page in all_pages())
        raise InputError(f"no results in {results}: run one of {commands} first")
    for page in stored:
        record = load(page.NAME, results)
        for path in page.write(record, results):
            click.echo(path)
        if page.NAME == LABEL_SIMILARITY and not fill_readme(readme, readme_table(record)):
            click.echo(f"{readme} has no {START} … {END}: left as it is", err=True)


def main(arguments: list[str]) -> None:
    """Run the command."""
    command(arguments, standalone_mode=False)
