"""`latentsearch sample [BUNDLE]`: generate pictures."""

from __future__ import annotations

from pathlib import Path

import click

import latentsearch as ls
from latentsearch.cli.options import COUNT, SEED, Verb, output_option
from latentsearch.cli.stderr import Bar


@click.command("sample", cls=Verb)
@click.argument("bundle", required=False)
@click.option("--count", type=COUNT, default=64, show_default=True, help="How many pictures to generate.")
@click.option(
    "--seed", type=SEED, default=0, show_default=True, help="The seed; equal seeds and counts give equal pictures."
)
@output_option("The folder for the pictures; it is made if needed.")
def command(bundle: str | None, count: int, seed: int, target: Path) -> None:
    """Generate pictures with the generator of BUNDLE, given by name or folder; by default aegan, which is included.

    Writes PNG files called sample-SEED-NUMBER.png.
    """
    from PIL import Image

    pictures = ls.sample(bundle, count, seed=seed)
    target.mkdir(parents=True, exist_ok=True)
    with Bar("drawing", count) as bar:
        for number, pixels in enumerate(pictures):
            Image.fromarray(pixels).save(target / f"sample-{seed}-{number:06d}.png", compress_level=1)
            bar.advance()
    click.echo(f"{count} picture{'s' if count > 1 else ''} in {target}")
