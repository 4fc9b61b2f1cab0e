"""`latentsearch encoders`: list the available encoders."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from indexer.encoders.encoder import available_encoders, bundle_folders
from indexer.paths import printable
from latentsearch.cli import tell
from latentsearch.cli.options import Verb, json_option

COLUMNS = ("name", "MB", "family", "latent size", "trained on", "agreement@1", "path")
NUMBERS = {"MB", "latent size", "agreement@1"}


@click.command("encoders", cls=Verb)
@json_option("Print a JSON array with one object per encoder, including scores and training data.")
def command(as_json: bool) -> None:
    """List the encoders that can be used by name: the included ones, then your own.

    A terminal gets a table. A pipe gets a line per encoder, without a heading, with tabs between name, size in MB,
    family, latent size (numbers per code), training data, agreement@1 and path. agreement@1 is the share of 40
    attributes that a face and its most similar face have in common; two random faces share 0.73.
    """
    bundles = available_encoders()
    if as_json:
        click.echo(json.dumps([_described(*bundle) for bundle in bundles], indent=2))
    elif not bundles:
        places = " and ".join(printable(folder) for folder in bundle_folders())
        tell(f"no encoders in {places}: make one with `latentsearch export`")
    elif _in_terminal():
        _print_table([_row(*bundle) for bundle in bundles])
    else:
        for bundle in bundles:
            click.echo("\t".join(_row(*bundle)))


def _in_terminal() -> bool:
    return sys.stdout.isatty()


def _described(folder: Path, model: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "family", "latent_size", "distance", "precision", "trained", "scores", "fidelity", "files")
    described = {key: model.get(key) for key in keys}
    return {**described, "bytes": _size(model), "generator": "generator" in model, "path": str(folder)}


def _row(folder: Path, model: dict[str, Any]) -> tuple[str, ...]:
    """One bundle as text, in the order of COLUMNS."""
    score = model.get("scores", {}).get("agreement@1")
    return (
        model["name"],
        f"{_size(model) / 1e6:.1f}",
        model.get("family", ""),
        str(model["latent_size"]),
        str(model.get("trained", {}).get("data", "")),
        "" if score is None else f"{score:.3f}",
        printable(folder),
    )


def _size(model: dict[str, Any]) -> int:
    return sum(file["bytes"] for file in model["files"].values())


def _print_table(rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
