"""Make the pages with tables and plots from stored results, without searching or reading pictures."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

import click

from benchmarks.core.experiment import Page, experiment
from benchmarks.core.results import CHECKOUT, RESULTS, load
from benchmarks.experiments.label_similarity.page import NAME as LABEL_SIMILARITY
from benchmarks.experiments.label_similarity.page import readme_table
from indexer.errors import InputError

README, EXPERIMENTS = CHECKOUT / "README.md", CHECKOUT / "benchmarks" / "experiments"
START, END = "<!-- label-table -->", "<!-- /label-table -->"


def all_pages() -> dict[str, Page]:
    """Name of a stored result -> the module that makes its page, in alphabetical order."""
    found: dict[str, Page] = {}
    for path in sorted(EXPERIMENTS.glob("*/page.py")):
        page = cast(Page, importlib.import_module(f"benchmarks.experiments.{path.parent.name}.page"))
        found |= dict.fromkeys(page.PAGES, page)
    return dict(sorted(found.items()))


def fill_readme(path: Path, table: str) -> bool:
    """Put the table between the markers of a README; return False and write nothing if they are missing."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        return False
    path.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    return True


@experiment("report")
@click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder with the results. [benchmarks/results]"
)
@click.option(
    "--readme", type=click.Path(path_type=Path), default=README, help="File to fill the table into. [README.md]"
)
def command(results: Path, readme: Path) -> None:
    """Make the page of every experiment with stored results, and fill the table of the README."""
    stored = {name: page for name, page in all_pages().items() if (results / f"{name}.json").is_file()}
    if not stored:
        commands = ", ".join(f"`python -m benchmarks {name}`" for name in all_pages())
        raise InputError(f"no results in {results}: run one of {commands} first")
    for name, page in stored.items():
        record = load(name, results)
        for path in page.write(record, results):
            click.echo(path)
        if name == LABEL_SIMILARITY and not fill_readme(readme, readme_table(record)):
            click.echo(f"{readme} has no {START} … {END}: left unchanged", err=True)
