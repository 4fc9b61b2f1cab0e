"""`latentsearch export RUN -o BUNDLE`, and `latentsearch export -o FILE.parquet`."""

from __future__ import annotations

from pathlib import Path

import click

SUFFIX = ".parquet"
TARGET = "The bundle's folder, or FILE.parquet."


@click.command("export")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", required=True, type=click.Path(path_type=Path), help=TARGET)
@click.option("--index", "option", metavar="DIR", help="The index  [default: $LATENTSEARCH_INDEX or the user's own].")
@click.option("--precision", type=click.Choice(("fp32", "fp16", "int8")), default="fp16", show_default=True)
@click.option(
    "--distance",
    type=click.Choice(("cosine", "euclidean")),
    default="cosine",
    show_default=True,
    help="cosine: centred, whitened, normalised codes; euclidean: the network's own, as the papers compare them.",
)
@click.option("--name", help="The encoder's name; by default the folder's.")
@click.option("--terms", default="as its training pictures'", help="The terms under which the weights may be used.")
def command(
    run: Path | None, target: Path, option: str | None, precision: str, distance: str, name: str | None, terms: str
) -> None:
    """Make an encoder bundle of a training run; without one, a Parquet file of all pictures in the index.

    export RUN -o BUNDLE: for `latentsearch index --encoder BUNDLE`. The bundle's graph is checked against PyTorch on
    real pictures when it is made; what comes out is printed and kept in its model.json.

    export -o FILE.parquet: paths, digests, sizes, times, labels and codes, for pandas, DuckDB and others, and for
    `latentsearch import`. --precision and what follows it are for bundles alone.
    """
    is_file = target.suffix.lower() == SUFFIX
    if run is None and not is_file:
        raise click.UsageError(f"Name a training run to make a bundle of, or a file that ends in {SUFFIX}.")
    if run is not None and (is_file or option is not None):
        raise click.UsageError(f"A training run becomes a folder; -o FILE{SUFFIX} and --index go without one.")
    if run is None:
        _export_index(option, target)
    else:
        _export_run(run, target, precision, distance, name or target.name, terms)


def _export_index(option: str | None, target: Path) -> None:
    from indexer.exporting import export_codes
    from indexer.index import Index
    from indexer.parquet import import_pyarrow
    from latentsearch.cli.progress import Bar

    import_pyarrow()
    with Index.open(Index.locate(option)) as index, Bar("exporting") as bar:
        count = export_codes(index, target, bar.show if bar.is_shown else None)
    click.echo(f"{target}: {count} pictures, {target.stat().st_size / 1e6:.1f} MB")


def _export_run(run: Path, folder: Path, precision: str, distance: str, name: str, terms: str) -> None:
    from indexer.extras import require, require_training

    require_training()
    require("onnxruntime")
    from latentsearch.bundle import export
    from latentsearch.training.finished import load_trained

    trained, images = load_trained(run, terms)
    model = export(
        trained,
        images,
        folder,
        name=name,
        precision=precision,
        distance=distance,
        report=lambda sentence: click.echo(sentence, err=True),
    )
    size = sum(file["bytes"] for file in model["files"].values()) / 1e6
    click.echo(f"{folder}: {size:.1f} MB, {model['latent_size']} numbers a picture, {distance} distance")
    for what, value in model["fidelity"].items():
        click.echo(f"  {what.replace('_', ' ')}: {value}")
