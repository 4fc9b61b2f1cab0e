"""`latentsearch export RUN -o BUNDLE`, and `latentsearch export -o FILE.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from latentsearch.cli.export_bundle import BundleRequest, export_bundle
from latentsearch.cli.options import PATH, Verb, index_option, output_option
from latentsearch.cli.stderr import Bar

SUFFIX = ".parquet"


@click.command("export", cls=Verb)
@click.argument("run", required=False, type=PATH)
@output_option("The bundle's folder, or FILE.parquet.")
@index_option
@click.option("--precision", type=click.Choice(("fp32", "fp16", "int8")), default="fp16", show_default=True)
@click.option(
    "--distance",
    type=click.Choice(("cosine", "euclidean")),
    default="cosine",
    show_default=True,
    help="cosine: centred, whitened, normalised codes; euclidean: the network's own, as the papers compare them.",
)
@click.option("--name", help="The encoder's name; by default the folder's.")
@click.option("--read", type=click.Choice(("parts",)), help="Read a layer of the network by parts of the picture.")
@click.option("--layer", type=click.IntRange(1), help="--read: its number, from 1  [the last of 8x8 cells or more].")
@click.option("--parts", metavar="NAME|FILE", help="--read: faces, grid, or a file of boxes  [by the pictures' shape].")
@click.option("--terms", help="The terms under which the weights may be used  [as its training pictures'].")
@click.option("--pictures", metavar="DIR", type=PATH, help="With timm:NAME: pictures to fit on.")
@click.option("--untrained", is_flag=True, help="With timm:NAME: random weights, not the pretrained ones.")
def command(run: Path | None, target: Path, location: str | None, **bundle: Any) -> None:
    """Make an encoder bundle of a training run; without one, a Parquet file of all pictures in the index.

    export RUN -o BUNDLE: for `latentsearch index --encoder BUNDLE`. The bundle's graph is checked against PyTorch on
    real pictures when it is made; what comes out is printed and kept in its model.json.

    --read parts takes a layer's maps instead of the network's own codes: of each part of the picture the directions in
    which pictures differ and altered copies do not, then 128 numbers of all, as `latentsearch train parts` has them;
    fitted on the run's pictures, all inside the graph.

    export timm:NAME -o BUNDLE --pictures DIR: a bundle like any other of a pretrained network of timm, whose weights
    timm finds or fetches. What random pairs' distances are, and the axes of codes for cosine distance, is measured on
    the pictures: take such as will be searched. Needs the extra `pretrained`.

    export -o FILE.parquet: paths, digests, sizes, times, labels and codes, for pandas, DuckDB and others, and for
    `latentsearch import`. --precision and what follows it are for bundles alone.
    """
    is_file = target.suffix.lower() == SUFFIX
    if run is None and not is_file:
        raise click.UsageError(f"Name a training run to make a bundle of, or a file that ends in {SUFFIX}.")
    if run is not None and (is_file or location is not None):
        raise click.UsageError(f"A training run becomes a folder; -o FILE{SUFFIX} and --index go without one.")
    asked = BundleRequest(run, target, **bundle)
    _check(asked)
    if run is None:
        _export_index(location, target)
    else:
        export_bundle(asked)


def _check(asked: BundleRequest) -> None:
    if asked.is_pretrained != (asked.pictures is not None):
        raise click.UsageError("timm:NAME and --pictures DIR go together: pictures such as will be searched.")
    if asked.read is None and (asked.layer or asked.parts):
        raise click.UsageError("--layer and --parts go with --read parts.")
    if asked.untrained and not asked.is_pretrained:
        raise click.UsageError("--untrained is for timm:NAME alone.")


def _export_index(location: str | None, target: Path) -> None:
    from indexer.parquet.schema import import_pyarrow
    from latentsearch.interface.opening import open

    import_pyarrow()
    with open(location) as index, Bar("exporting") as bar:
        show = (lambda step, done, total: bar.show(done, total)) if bar.is_shown else None
        count = index.to_parquet(target, on_progress=show)
    click.echo(f"{target}: {count} pictures, {target.stat().st_size / 1e6:.1f} MB")
