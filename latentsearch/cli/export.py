"""`latentsearch export RUN -o BUNDLE`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="The bundle's folder.")
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
def command(run: Path, folder: Path, precision: str, distance: str, name: str | None, terms: str) -> None:
    """Make an encoder bundle of a training run, for `latentsearch index --encoder BUNDLE`.

    The bundle's graph is checked against PyTorch on real pictures when it is made; what comes out is printed and kept
    in its model.json.
    """
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
        name=name or folder.name,
        precision=precision,
        distance=distance,
        report=lambda sentence: click.echo(sentence, err=True),
    )
    size = sum(file["bytes"] for file in model["files"].values()) / 1e6
    click.echo(f"{folder}: {size:.1f} MB, {model['latent_size']} numbers a picture, {distance} distance")
    for what, value in model["fidelity"].items():
        click.echo(f"  {what.replace('_', ' ')}: {value}")
