"""`latentsearch sample [BUNDLE]`: pictures from a generator."""

from __future__ import annotations

from pathlib import Path

import click

from latentsearch.cli.options import COUNT, SEED, Verb, output_option
from latentsearch.cli.stderr import Bar

BATCH = 256


@click.command("sample", cls=Verb)
@click.argument("bundle", required=False)
@click.option("--count", type=COUNT, default=64, show_default=True, help="How many pictures.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="The same seed, the same pictures.")
@output_option("Where they go.")
def command(bundle: str | None, count: int, seed: int, target: Path) -> None:
    """Draw pictures from the generator of BUNDLE, a name or a folder; by default aegan, which ships."""
    from PIL import Image

    from indexer.encoders.encoder import load_generator

    generator = load_generator(bundle)
    target.mkdir(parents=True, exist_ok=True)
    with Bar("drawing", count) as bar:
        for number, pixels in enumerate(generator.draw(count, seed)):
            Image.fromarray(pixels).save(target / f"sample-{seed}-{number:06d}.png", compress_level=1)
            bar.advance()
    click.echo(f"{count} picture{'s' if count > 1 else ''} in {target}")
