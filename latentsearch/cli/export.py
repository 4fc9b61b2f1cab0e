"""`latentsearch export RUN -o BUNDLE` and `latentsearch export -o FILE.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import latentsearch as ls
from latentsearch.cli.options import PATH, Verb, index_option, output_option
from latentsearch.cli.stderr import Bar

SUFFIX = ".parquet"


@click.command("export", cls=Verb)
@click.argument("run", required=False, type=PATH)
@output_option("The bundle's folder, new or empty, or FILE.parquet.")
@index_option
@click.option(
    "--precision",
    type=click.Choice(("fp32", "fp16", "int8")),
    default="fp16",
    show_default=True,
    help="How weights are stored: int8 is the smallest.",
)
@click.option(
    "--distance",
    type=click.Choice(("cosine", "euclidean")),
    default="cosine",
    show_default=True,
    help="How codes are compared. cosine centres, whitens and normalises them; euclidean takes the network's output, "
    "as in the papers.",
)
@click.option("--name", help="The encoder's name.  [default: the folder's name]")
@click.option(
    "--read",
    type=click.Choice(("parts",)),
    help="Make codes from a layer's feature maps, part by part of the picture, instead of the network's output.",
)
@click.option(
    "--layer",
    type=click.IntRange(1),
    metavar="N",
    help="With --read: the layer's number, from 1.  [default: the last with 8x8 cells or more]",
)
@click.option(
    "--parts",
    metavar="NAME|FILE",
    help="With --read: faces, grid, or a TOML or JSON file of boxes.  [default: faces for CelebA's size, else grid]",
)
@click.option("--terms", help="The licence terms of the weights.  [default: as its training pictures']")
@click.option("--pictures", metavar="DIR", type=PATH, help="With timm:NAME: a folder of pictures to fit the codes on.")
@click.option("--untrained", is_flag=True, help="With timm:NAME: use random weights instead of the pretrained ones.")
def command(run: Path | None, target: Path, location: str | None, **options: Any) -> None:
    """Write a training run as an encoder bundle, or the index as a Parquet file.

    export RUN -o BUNDLE writes a bundle for `latentsearch index --encoder BUNDLE`. Its ONNX graph is compared with
    PyTorch on real pictures; the differences are printed and stored in the bundle's model.json.

    --read parts makes codes from a layer's feature maps instead of the network's output. It keeps, for each part of the
    picture, the directions in which pictures differ and altered copies of a picture agree, and reduces all parts to 128
    numbers, as `latentsearch train parts` does. It is fitted on the run's pictures and becomes part of the graph.

    export timm:NAME -o BUNDLE --pictures DIR writes a bundle from a pretrained network of timm, which finds or
    downloads the weights. The distances of random pairs, and the whitening for cosine distance, are measured on the
    pictures, so name a folder like the ones you will search. Needs the extra `pretrained`.

    export -o FILE.parquet writes paths, digests, sizes, times, labels and codes, for pandas, DuckDB and the like, and
    for `latentsearch import`. --index applies to Parquet files only, --precision and the options below it to bundles
    only.
    """
    is_file = target.suffix.lower() == SUFFIX
    if run is None and not is_file:
        raise click.UsageError(f"Name a training run to export as a bundle, or a file that ends in {SUFFIX}.")
    if run is not None and (is_file or location is not None):
        raise click.UsageError(f"A training run is exported to a folder: leave out -o FILE{SUFFIX} and --index.")
    _check(run, **options)
    if run is None:
        _export_index(location, target)
    else:
        _show(target, ls.export_bundle(run, target, **options))


def _check(run: Path | None, **options: Any) -> None:
    is_pretrained = str(run).startswith("timm:")
    if is_pretrained != (options["pictures"] is not None):
        raise click.UsageError("timm:NAME and --pictures DIR go together: name pictures like those you will search.")
    if options["read"] is None and (options["layer"] or options["parts"]):
        raise click.UsageError("--layer and --parts go with --read parts.")
    if options["untrained"] and not is_pretrained:
        raise click.UsageError("--untrained is for timm:NAME alone.")


def _show(folder: Path, model: dict[str, Any]) -> None:
    size = sum(file["bytes"] for file in model["files"].values()) / 1e6
    click.echo(f"{folder}: {size:.1f} MB, {model['latent_size']} numbers a picture, {model['distance']} distance")
    for what, value in model["fidelity"].items():
        click.echo(f"  {what.replace('_', ' ')}: {value}")


def _export_index(location: str | None, target: Path) -> None:
    from indexer.parquet.schema import import_pyarrow
    from latentsearch.interface.collection import open

    import_pyarrow()
    with open(location) as index, Bar("exporting") as bar:
        show = (lambda step, done, total: bar.show(done, total)) if bar.is_shown else None
        count = index.to_parquet(target, on_progress=show)
    click.echo(f"{target}: {count} pictures, {target.stat().st_size / 1e6:.1f} MB")
