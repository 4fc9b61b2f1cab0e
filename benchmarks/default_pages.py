"""Repeat every experiment whose page shows the default encoder, one after another, then make the pages."""

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
# The default is compared with the best network.
NETWORK = "contrastive"
ROWS = (
    "pca-cosine", "symmetric-pixels", "pixels-by-parts", "gradients-by-parts", "gradients-directions", "fine-by-parts",
    "fine-directions", "fine-and-pixels", "fine-and-pixels-128",
)  # fmt: skip
DATA = "--data"
# Page -> options of its experiment; DATA is replaced by the option and the folder.
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
    """Some experiments failed; the results of the rest are stored."""


def command_of(name: str, data: Path) -> list[str]:
    """The arguments after `python -m benchmarks` that measure one page."""
    words = [name.removesuffix("-unseen")]
    for word in STEPS[name]:
        words += [word, str(data)] if word == DATA else [word]
    return words


@experiment(NAME)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="A folder in CelebA's format."
)
@click.option(
    "--only", "chosen", multiple=True, type=click.Choice(list(STEPS)), help="Measure only this page; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Print the commands without running them.")
def command(data: Path, chosen: tuple[str, ...], dry_run: bool) -> None:
    """Run every experiment whose page shows the default encoder, on idle cores, then make the pages.

    Each runs in its own process, so that its stored result names its own command.
    """
    failed = []
    for words in (*(command_of(name, data) for name in chosen or STEPS), ["report"]):
        click.echo(f"python -m benchmarks {shlex.join(words)}", err=not dry_run)
        if not dry_run and subprocess.run([sys.executable, "-m", "benchmarks", *words], check=False).returncode:
            failed.append(words[0])
    if failed:
        raise PagesFailed(f"not measured: {', '.join(failed)}; fix the cause, then run each again with --only")
