"""`latentsearch export RUN -o BUNDLE`, and `latentsearch export -o FILE.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.engine.trained import Trained

SUFFIX = ".parquet"
OF_THE_PICTURES = "as its training pictures'"
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
@click.option("--read", type=click.Choice(("parts",)), help="Read a layer of the network by parts of the picture.")
@click.option("--layer", type=click.IntRange(1), help="--read: its number, from 1  [the last of 8x8 cells or more].")
@click.option("--parts", metavar="NAME|FILE", help="--read: faces, grid, or a file of boxes  [by the pictures' shape].")
@click.option("--terms", help="The terms under which the weights may be used  [as its training pictures'].")
@click.option("--pictures", metavar="DIR", type=click.Path(path_type=Path), help="With timm:NAME: pictures to fit on.")
@click.option("--untrained", is_flag=True, help="With timm:NAME: random weights, not the pretrained ones.")
def command(
    run: Path | None,
    target: Path,
    option: str | None,
    precision: str,
    distance: str,
    name: str | None,
    read: str | None,
    layer: int | None,
    parts: str | None,
    terms: str | None,
    pictures: Path | None,
    untrained: bool,
) -> None:
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
    if run is not None and (is_file or option is not None):
        raise click.UsageError(f"A training run becomes a folder; -o FILE{SUFFIX} and --index go without one.")
    is_pretrained = run is not None and str(run).startswith("timm:")
    if is_pretrained != (pictures is not None):
        raise click.UsageError("timm:NAME and --pictures DIR go together: pictures such as will be searched.")
    if read is None and (layer or parts):
        raise click.UsageError("--layer and --parts go with --read parts.")
    if untrained and not is_pretrained:
        raise click.UsageError("--untrained is for timm:NAME alone.")
    if run is None:
        return _export_index(option, target)
    from indexer.system.extras import require, require_training

    require("onnxruntime")
    wishes = {"name": name or target.name, "precision": precision, "distance": distance}
    if pictures is None and _is_fitted(run):
        from indexer.system.extras import require_extra
        from latentsearch.export.parts_bundle import export_fitted

        require_extra("cpu", "onnx")
        if read is not None:
            raise click.UsageError(f"{run} is read by parts already: leave out --read.")
        return _show(target, export_fitted(run, target, **wishes, terms=terms or OF_THE_PICTURES, report=_tell))
    require_training()
    if pictures is None:
        from latentsearch.training.engine.trained import load_trained

        _write_bundle(*load_trained(run, terms or OF_THE_PICTURES), target, wishes, read, layer, parts)
    else:
        from latentsearch.export.pretrained import with_pretrained

        with with_pretrained(str(run), pictures, untrained, terms, _tell) as (trained, images):
            _write_bundle(trained, images, target, wishes, read, layer, parts)


def _export_index(option: str | None, target: Path) -> None:
    from indexer.index.index import Index
    from indexer.parquet.export import export_codes
    from indexer.parquet.schema import import_pyarrow
    from latentsearch.cli.progress import Bar

    import_pyarrow()
    with Index.open(Index.locate(option)) as index, Bar("exporting") as bar:
        count = export_codes(index, target, bar.show if bar.is_shown else None)
    click.echo(f"{target}: {count} pictures, {target.stat().st_size / 1e6:.1f} MB")


def _write_bundle(
    trained: Trained,
    images: Images,
    folder: Path,
    wishes: dict[str, str],
    read: str | None,
    layer: int | None,
    parts: str | None,
) -> None:
    from latentsearch.export.bundle import export
    from latentsearch.export.network_by_parts import Wish
    from latentsearch.parts.boxes import choose_parts
    from latentsearch.training.families.parts import parts_of

    wish = None if read is None else Wish(choose_parts(parts or parts_of(Path(images.facts["source"]))), layer)
    _show(folder, export(trained, images, folder, **wishes, read=wish, report=_tell))


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def _is_fitted(run: Path) -> bool:
    """Whether a run is of codes by parts, for which PyTorch is not needed. Raises InputError where there is no run."""
    from latentsearch.training.engine import run as runs

    return bool(runs.read(run)["family"] == "parts")


def _show(folder: Path, model: dict[str, Any]) -> None:
    size = sum(file["bytes"] for file in model["files"].values()) / 1e6
    click.echo(f"{folder}: {size:.1f} MB, {model['latent_size']} numbers a picture, {model['distance']} distance")
    for what, value in model["fidelity"].items():
        click.echo(f"  {what.replace('_', ' ')}: {value}")
