"""`latentsearch export RUN -o BUNDLE`: write an encoder bundle from a training run or a pretrained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.engine.trained import Trained

OF_THE_PICTURES = "as its training pictures'"


class BundleRequest(NamedTuple):
    """The options of `export` that concern bundles.

    run: the folder of a training run, or timm:NAME; None for a Parquet file. pictures: the folder that the codes of a
    pretrained network are fitted on.
    """

    run: Path | None
    target: Path
    precision: str
    distance: str
    name: str | None
    read: str | None
    layer: int | None
    parts: str | None
    terms: str | None
    pictures: Path | None
    untrained: bool

    @property
    def is_pretrained(self) -> bool:
        """Whether `run` names a network of timm."""
        return str(self.run).startswith("timm:")

    @property
    def form(self) -> dict[str, str]:
        """The options that apply to every kind of bundle."""
        return {"name": self.name or self.target.name, "precision": self.precision, "distance": self.distance}


def export_bundle(asked: BundleRequest) -> None:
    """Write a bundle and print its fidelity. Raises MissingExtra, and InputError if the target is not empty."""
    from indexer.system.extras import require, require_training

    assert asked.run is not None
    require("onnxruntime")
    if asked.pictures is None and _is_fitted(asked.run):
        return _export_fitted(asked, asked.run)
    require_training()
    if asked.pictures is None:
        from latentsearch.training.engine.trained import load_trained

        _export_network(asked, *load_trained(asked.run, asked.terms or OF_THE_PICTURES))
    else:
        from latentsearch.export.pretrained import with_pretrained

        with with_pretrained(str(asked.run), asked.pictures, asked.untrained, asked.terms) as (trained, images):
            _export_network(asked, trained, images)


def _is_fitted(run: Path) -> bool:
    """Whether a run is of the family `parts`, which needs no PyTorch. Raises InputError if there is no run."""
    from latentsearch.training.engine import run as runs

    return bool(runs.read(run)["family"] == "parts")


def _export_fitted(asked: BundleRequest, run: Path) -> None:
    from indexer.system.extras import require_extra
    from latentsearch.export.parts_bundle import export_fitted

    require_extra("cpu", "onnx")
    if asked.read is not None:
        raise click.UsageError(f"{run} is read by parts already: leave out --read.")
    _show(asked.target, export_fitted(run, asked.target, **asked.form, terms=asked.terms or OF_THE_PICTURES))


def _export_network(asked: BundleRequest, trained: Trained, images: Images) -> None:
    from latentsearch.export.bundle import export
    from latentsearch.export.network_by_parts import Wish
    from latentsearch.parts.boxes import choose_parts
    from latentsearch.training.families.parts import parts_of

    wish = None
    if asked.read is not None:
        wish = Wish(choose_parts(asked.parts or parts_of(Path(images.facts["source"]))), asked.layer)
    _show(asked.target, export(trained, images, asked.target, **asked.form, read=wish))


def _show(folder: Path, model: dict[str, Any]) -> None:
    size = sum(file["bytes"] for file in model["files"].values()) / 1e6
    click.echo(f"{folder}: {size:.1f} MB, {model['latent_size']} numbers a picture, {model['distance']} distance")
    for what, value in model["fidelity"].items():
        click.echo(f"  {what.replace('_', ' ')}: {value}")
