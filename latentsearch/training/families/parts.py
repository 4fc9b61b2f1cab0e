"""Codes by parts: classical image features and linear algebra, without a neural network.

1. Compute derivatives in eight directions and mean colours on 16x16 cells (histograms of oriented gradients: Dalal and
   Triggs 2005), and, except for digits, add those of the mirror image.
2. For each part of the picture (modular eigenspaces: Pentland, Moghaddam and Starner 1994), keep the directions in
   which pictures differ but altered copies of one picture do not (linear discriminants: Fisher 1936), and scale the
   result to length 1.
3. Concatenate all parts and reduce them by PCA to at most 128 numbers, compared by cosine distance.

A linear generator, fitted by least squares from codes to pictures, shows the information in a code.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import InputError
from indexer.files.discover import Found
from indexer.progress import StepReport
from indexer.system.disk import atomic_write
from indexer.system.limits import cores
from latentsearch.parts.alterations import Alterations
from latentsearch.parts.boxes import AUTO, FACES, GRID, Part, choose_parts, to_json
from latentsearch.parts.features import CELLS, FeatureMap, feature_maps, picture_maps
from latentsearch.parts.fit import Block, Settings, each_code, finish, fit_reading
from latentsearch.parts.generator import SIDE, LinearGenerator, fit_generator
from latentsearch.parts.graph import Graph
from latentsearch.training.datasets.images import Images, find_pictures
from latentsearch.training.engine import run as runs

ENCODER, GENERATOR, SHEET = "encoder.onnx", "generator.onnx", "reconstructions.png"
# Number of pictures whose shapes decide whether a folder contains aligned faces.
LOOKED_AT = 64
SHOWN = 32


@dataclass(frozen=True)
class Recipe:
    """The parameters of a fit.

    size: side of the framed pictures in pixels, a multiple of 32. parts: "faces", "grid", a file of boxes, or "auto",
    which means faces if most pictures have the shape of CelebA's aligned ones, and grid if not. mirror: whether a
    picture and its mirror image get the same code. colour: weight of colours relative to derivatives. large, small:
    axes per large and per small part. few: axes per part of the colour map. share: how much of the pictures' own
    covariance is added to the covariance of their altered copies to form the metric of the directions; 0 leaves only
    the alterations (`Settings.total_weight`). power: each axis of the code is divided by its standard deviation to this
    power. The remaining fields are those of `Alterations`.
    """

    seed: int = 0
    latent_size: int = 128
    size: int = 128
    parts: str = AUTO
    mirror: bool = True
    colour: float = 0.75
    large: int = 120
    small: int = 80
    few: int = 40
    share: float = 0.05
    power: float = 0.1
    turn: float = 6.0
    zoom: float = 0.08
    shift: float = 0.031
    contrast: float = 0.25
    brightness: float = 0.12
    gamma: float = 0.275

    @property
    def framing(self) -> Framing:
        """How pictures are cropped and scaled to the graph's input."""
        return Framing(self.size, self.size, CELEBA.crops)

    @property
    def chosen(self) -> tuple[Part, ...]:
        """The parts to read; raises InputError if the file of boxes is missing or invalid."""
        return choose_parts(self.parts)

    @property
    def settings(self) -> Settings:
        """The parameters for `fit_reading`."""
        alterations = Alterations(self.turn, self.zoom, self.shift, self.contrast, self.brightness, self.gamma)
        return Settings(
            self.chosen,
            self.latent_size,
            self.large,
            self.small,
            self.few,
            self.share,
            self.power,
            alterations,
            self.seed,
        )


PRESETS = {
    # Command: `latentsearch train parts celeba -o runs/parts`.
    # Time: 70 s including decoding, on two AVX-512 cores of a busy machine; memory: 0.4 GB.
    # Scores on 3,535 validation faces used for tuning: agreement @1 and @20 0.832 and 0.819, same person @1 and @10
    # 0.274 and 0.478.
    "pictures": {"small": Recipe()},
    # Command: `latentsearch train parts cifar10-small.npz -o runs/photographs`. Time: 20 s.
    # Accuracy of 5 nearest neighbours: 0.51.
    "cifar10": {"small": Recipe(size=64, parts=GRID, turn=10, zoom=0.12, shift=0.047, power=0.0)},
    # Command: `latentsearch train parts mnist.npz -o runs/digits`. Time: a minute.
    # Accuracy of 5 nearest neighbours: 0.990.
    # There is no mirroring, as a mirrored digit is a different symbol, and no colour, as digits are grey.
    "digits": {"small": Recipe(size=32, parts=GRID, mirror=False, colour=0.0)},
}


class PictureMaps:
    """The feature maps that a recipe computes from pictures; implements latentsearch.parts.fit.Maps."""

    def __init__(self, recipe: Recipe) -> None:
        self.shape = (recipe.size, recipe.size, 3)
        self.features: tuple[FeatureMap, ...] = feature_maps(recipe.mirror, recipe.colour)

    def graph(self) -> Graph:
        """Return a new graph from pictures to the maps."""
        graph = Graph()
        picture_maps(graph, "images", self.shape[0], self.features)
        return graph


def settled(recipe: Recipe, data: Path) -> Recipe:
    """Return the recipe with "auto" parts resolved; raises InputError if its size or parts are invalid.

    Called before anything is written, so that an invalid recipe leaves no folder behind.
    """
    if recipe.size % (2 * CELLS) or recipe.size <= 0:
        raise InputError(f"size is {recipe.size}, not a multiple of {2 * CELLS}: take 128")
    if recipe.parts == AUTO:
        recipe = replace(recipe, parts=parts_for(find_pictures(data)[1]))
    _ = recipe.chosen
    return recipe


def parts_of(data: Path) -> str:
    """Return the parts for the pictures of a folder, "faces" or "grid"; "grid" if it has no pictures."""
    try:
        return parts_for(find_pictures(data)[1])
    except InputError:
        return GRID


def parts_for(files: Sequence[Found]) -> str:
    """Return "faces" if most of a sample of the files have the shape of CelebA's aligned faces, and "grid" if not."""
    some = files[:: max(1, len(files) // LOOKED_AT)][:LOOKED_AT]
    aspects = [_size(file.path) for file in some]
    (crop,) = CELEBA.crops
    aligned = sum(
        width > 0 and abs(height / width / (crop.aspect[1] / crop.aspect[0]) - 1) < 0.005 for width, height in aspects
    )
    return FACES if 2 * aligned > len(some) else GRID


def _size(path: str | bytes) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception:  # decoding reports unreadable files later
        return 0, 0


def fit(recipe: Recipe, images: Images, folder: Path, report: StepReport) -> None:
    """Fit a recipe to a run's pictures and write both graphs, in full precision, and an image grid to its folder.

    report: called with the current pass, the number of pictures done and their total. Raises InputError if all pictures
    look the same, and MissingExtra without onnx.
    """
    started = time.monotonic()
    maps, settings = PictureMaps(recipe), recipe.settings
    encoder = finish(maps, fit_reading(maps, images, settings, report))
    generator = fit_generator(each_code(encoder, images, report, "generator"), min(SIDE, recipe.size))
    _write(folder / ENCODER, encoder)
    _write(folder / GENERATOR, generator.to_onnx())
    _write_image_grid(folder / SHEET, encoder, generator, images)
    runs.describe(
        folder,
        boxes=to_json(settings.parts),
        seconds=round(time.monotonic() - started, 1),
        hardware=f"{platform.processor() or platform.machine()}, {cores()} cores",
        precision="fp32",
    )


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)


def _write_image_grid(path: Path, encoder: bytes, generator: LinearGenerator, images: Images) -> None:
    """Write the first pictures, which are held-out ones if there are any, next to their reconstructions."""
    ((pixels, codes),) = each_code(encoder, Block(np.array(images.pixels[:SHOWN])))
    drawn = generator(codes)
    step = pixels.shape[1] // generator.side
    pairs = np.concatenate([pixels[:, ::step, ::step], drawn], 2)
    columns = min(4, len(pairs))
    rows = [np.concatenate(list(pairs[start : start + columns]), 1) for start in range(0, len(pairs), columns)]
    widest = rows[0].shape[1]
    sheet = np.concatenate([np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0))) for row in rows])
    Image.fromarray(sheet).save(path)
