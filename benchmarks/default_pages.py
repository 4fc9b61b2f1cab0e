"""Measures again every page that shows the encoder that searches by default, one experiment after another."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.core.experiment import experiment
from indexer.encoders.encoder import DEFAULT_ENCODER
from indexer.errors import LatentsearchError

NAME = "default-pages"
# What the default is held against: the best network.
NETWORK = "contrastive"
ROWS = (
    "pca-cosine", "symmetric-pixels", "pixels-by-parts", "gradients-by-parts", "gradients-directions", "fine-by-parts",
    "fine-directions", "fine-and-pixels", "fine-and-pixels-128",
)  # fmt: skip
DATA = "--data"
# By name: the experiment, and its options; DATA stands for itself and the folder.
STEPS: dict[str, tuple[str, ...]] = {
    "label-similarity": (
        DATA, "--methods", ",".join(ROWS), "--bundle", DEFAULT_ENCODER, "--bundle", NETWORK, "--by-parts", "--record",
        "--keep",
    ),
    "altered-search": (DATA, "--methods", "none", "--bundle", DEFAULT_ENCODER, "--keep"),
    "altered-search-unseen": (DATA, "--unseen", "--bundle", DEFAULT_ENCODER, "--bundle", NETWORK),
    "edited-search": (DATA,),
    "duplicates": (DATA,),
    "encoder-speed": (),
    "indexing-speed": (DATA,),
    "query-speed": (),
    "speed": (DATA, "--part", "cold", "--part", "indexing"),
}  # fmt: skip


class PagesFailed(LatentsearchError):
    """Some experiments did not end well; what the others measured is stored."""


def command_of(name: str, data: Path) -> list[str]:
    """What follows `python -m benchmarks` to measure one page."""
    words = [name.removesuffix("-unseen")]
    for word in STEPS[name]:
        words += [word, str(data)] if word == DATA else [word]
    return words


@experiment(NAME)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="A folder in CelebA's format."
)
@click.option("--only", "chosen", multiple=True, type=click.Choice(list(STEPS)), help="Only this page; repeat.")
@click.option("--dry-run", is_flag=True, help="Print the commands and run none.")
def command(data: Path, chosen: tuple[str, ...], dry_run: bool) -> None:
    """Run every experiment whose page shows the default, on idle cores, then make the pages.

    Each is a process of its own, so that what it stores names its own command.
    """
    failed = []
    for words in (*(command_of(name, data) for name in chosen or STEPS), ["report"]):
        click.echo(f"python -m benchmarks {shlex.join(words)}", err=not dry_run)
        if not dry_run and subprocess.run([sys.executable, "-m", "benchmarks", *words], check=False).returncode:
            failed.append(words[0])
    if failed:
        raise PagesFailed(f"not measured: {', '.join(failed)}; run each again with --only when it is mended")
