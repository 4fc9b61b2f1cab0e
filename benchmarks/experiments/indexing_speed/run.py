"""How fast is a folder indexed, compared with decoding alone and encoding alone, on all cores?"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.core.experiment import experiment, publish
from benchmarks.core.indexing_rates import DECODE_BAR, INDEX_BAR, SECOND_RUN_BAR, measure

NAME = "indexing-speed"


@experiment(NAME, help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="A folder of pictures.")
@click.option("--encoder", metavar="NAME", help="A bundle's name or folder. [default: the shipped one]")
def command(data: Path, encoder: str | None) -> None:
    """Measure, print and store."""
    result = measure(data, encoder)
    for name, figure in result["images_per_second"].items():
        click.echo(f"{name:12} {figure:8.0f} images/s")
    click.echo(f"decode to bare Pillow {result['decode_to_bare_pillow']:.2f}, bar {DECODE_BAR}")
    click.echo(f"index to bound        {result['index_to_bound']:.2f}, bar {INDEX_BAR}")
    click.echo(f"second run            {result['second_run']['whole_process']:.2f} s, bar {SECOND_RUN_BAR}")
    publish(NAME, result, has_page=False)
