"""`latentsearch data`: list, fetch and verify public data sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import latentsearch as ls
from indexer.errors import InputError, TransferError
from latentsearch.cli.options import Verb, json_option

if TYPE_CHECKING:
    from indexer.progress import StepReport
    from latentsearch.data.manifest import Manifest
    from latentsearch.data.verify import Report


@click.group(short_help="List, fetch and verify public data sets.")
def command() -> None:
    """List, fetch and verify public data sets.

    A data set is kept in DIR/NAME, or in DIR itself if DIR is called NAME or already holds a file of the data set.
    """


def _root(function: Callable[..., Any]) -> Callable[..., Any]:
    folder = click.Path(file_okay=False, path_type=Path)
    return click.option("--root", type=folder, required=True, metavar="DIR", help="The folder for data sets.")(function)


@command.command("list", cls=Verb)
@json_option("Print the full manifests as a JSON array.")
def list_(as_json: bool) -> None:
    """List the known data sets: title, number of pictures, download size, licence and source."""
    manifests = ls.data_sets()
    if as_json:
        click.echo(json.dumps([asdict(manifest) for manifest in manifests], indent=2, ensure_ascii=False))
        return
    for manifest in manifests:
        click.echo(_described(manifest))


@command.command("fetch", cls=Verb)
@click.argument("name")
@_root
@click.option("--base-url", metavar="URL", help="Fetch every file by name from this server instead of the publisher's.")
@click.option("--all", "everything", is_flag=True, help="Fetch the optional files, too.")
def fetch(name: str, root: Path, base_url: str | None, everything: bool) -> None:
    """Fetch the missing files of the data set NAME, check and unpack them.

    An interrupted transfer continues where it stopped. Nothing is written outside the data set's folder, and existing
    files are never overwritten.
    """
    with _bars() as progress:
        report = ls.fetch_data(name, root, base_url=base_url, everything=everything, on_progress=progress)
    click.echo(f"{report.folder}: {report.summary}")


@command.command("verify", cls=Verb)
@click.argument("name")
@_root
@json_option("Print the report as a JSON object.")
def verify_(name: str, root: Path, as_json: bool) -> None:
    """Check every file of the data set NAME by size and hash.

    A partial copy is reported as partial, with exit code 0. The exit code is 2 if the data set is missing, and 10 if a
    file differs from the published one.
    """
    report = ls.verify_data(name, root)
    click.echo(json.dumps(report.to_json(), indent=2, ensure_ascii=False) if as_json else _reported(report))
    if report.state == "missing":
        from latentsearch.data.by_hand import by_hand
        from latentsearch.data.manifest import load_manifest

        manifest = load_manifest(name)
        raise InputError(f"{name} is not in {report.folder}. {by_hand(manifest, root, manifest.needed())}")
    if report.state == "damaged":
        raise TransferError(
            f"{name} in {report.folder} is {report.summary}; move the damaged files away and fetch it again"
        )


def _described(manifest: Manifest) -> str:
    splits = ", ".join(f"{split.name} {split.images:,}" for split in manifest.splits) or "no files"
    size = sum(file.bytes or 0 for file in manifest.needed()) / 1e6
    numbers = (
        f"{manifest.images:,} pictures ({splits}), {size:,.0f} MB to fetch" if manifest.files else "drawn, no files"
    )
    return (
        f"{manifest.name}\n    {manifest.title}\n    {numbers}\n    licence: {manifest.licence}\n    {manifest.source}"
    )


def _reported(report: Report) -> str:
    rows = [(file.status + (", optional" if file.optional else ""), file.name, file.detail) for file in report.files]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"  {status:{widths[0]}}  {name:{widths[1]}}  {detail}".rstrip() for status, name, detail in rows]
    return "\n".join([*lines, f"{report.folder}: {report.summary}"])


@contextmanager
def _bars() -> Iterator[StepReport]:
    """Show a progress bar per file on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    tasks: dict[str, TaskID] = {}
    with Bars(console=console) as bars:

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show
