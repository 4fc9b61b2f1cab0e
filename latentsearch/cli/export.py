"""`latentsearch export RUN -o BUNDLE` and `latentsearch export -o FILE.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import latentsearch as ls
from latentsearch.cli.options import PATH, Verb, index_option, output_option
from latentsearch.cli.stderr import Bar

SUFFIX = ".parquet"
NETWORK = ("size", "mean", "scale", "features", "latent_size", "trained_on", "licence")


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
@click.option(
    "--pictures",
    metavar="DIR",
    type=PATH,
    help="With timm:NAME or FILE.onnx: a folder of pictures to fit codes on.",
)
@click.option("--untrained", is_flag=True, help="With timm:NAME: use random weights instead of the pretrained ones.")
@click.option(
    "--size",
    metavar="N|WxH",
    callback=lambda context, parameter, given: _size(given),
    help="With FILE.onnx: the side of its pictures, or width and height, in pixels.  [default: as the file states]",
)
@click.option(
    "--mean",
    metavar="N[,N,N]",
    callback=lambda context, parameter, given: _numbers(given),
    help="With FILE.onnx: what is subtracted from pixels of 0 to 255, for all or for red, green, blue.  [default: 0]",
)
@click.option(
    "--scale",
    metavar="N[,N,N]",
    callback=lambda context, parameter, given: _numbers(given),
    help="With FILE.onnx: what the difference is divided by.  [default: 255]",
)
@click.option("--features", metavar="NAME", help="With FILE.onnx: the value to take codes from.  [default: its output]")
@click.option(
    "--latent-size",
    type=click.IntRange(1, 8192),
    metavar="N",
    help="With FILE.onnx: the most numbers in a code, for cosine distance.  [default: 128]",
)
@click.option("--trained-on", metavar="TEXT", help="With FILE.onnx: what it learned from, for the model card.")
@click.option("--licence", metavar="FILE", type=PATH, help="With FILE.onnx: its licence, copied into the bundle.")
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

    export FILE.onnx -o BUNDLE --pictures DIR writes a bundle from any ONNX network that turns a picture into numbers,
    or into maps (n, channels, rows, columns), which are averaged. Its input is (pixel - mean) / scale. Codes for cosine
    distance are centred, reduced by PCA and scaled to length 1, which is fitted on the pictures. --features names any
    value in the network: the one before its classes is usually better than the classes. Needs neither PyTorch nor
    labels.

    export -o FILE.parquet writes paths, digests, sizes, times, labels and codes, for pandas, DuckDB and the like, and
    for `latentsearch import`. --index applies to Parquet files only, --precision and the options below it to bundles
    only.
    """
    is_file = target.suffix.lower() == SUFFIX
    if run is None and not is_file:
        raise click.UsageError(f"Name a training run to export as a bundle, or a file that ends in {SUFFIX}.")
    if run is not None and (is_file or location is not None):
        raise click.UsageError(f"A training run is exported to a folder: leave out -o FILE{SUFFIX} and --index.")
    network = {key: value for key in NETWORK if (value := options.pop(key)) is not None}
    _check(run, network, **options)
    if run is None:
        _export_index(location, target)
    else:
        _show(target, ls.export_bundle(run, target, **options, **network))


def _size(given: str | None) -> tuple[int, int] | None:
    if given is None:
        return None
    width, _, height = given.lower().partition("x")
    try:
        return int(width), int(height or width)
    except ValueError:
        raise click.BadParameter(f"{given!r} is no size: write 224, or 224x160.") from None


def _numbers(given: str | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    try:
        return tuple(float(number) for number in given.split(","))
    except ValueError:
        raise click.BadParameter(f"{given!r} is no number: write 127.5, or 123.7,116.3,103.5.") from None


def _check(run: Path | None, network: dict[str, Any], **options: Any) -> None:
    is_pretrained = str(run).startswith("timm:")
    is_onnx = run is not None and run.suffix.lower() == ".onnx" and not run.is_dir()
    if (is_pretrained or is_onnx) != (options["pictures"] is not None):
        raise click.UsageError(
            "timm:NAME or FILE.onnx and --pictures DIR go together: name pictures like those you will search."
        )
    if network and not is_onnx:
        raise click.UsageError(f"--{min(network).replace('_', '-')} is for FILE.onnx alone.")
    if is_onnx and options["read"]:
        raise click.UsageError("--read is for training runs and timm:NAME: name a value with --features.")
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
