"""Codes by parts, fitted without a network: half-wave derivatives and colours, read part by part; classical throughout.

Of each picture: derivatives in eight directions and mean colours of 16x16 cells (histograms of oriented gradients:
Dalal and Triggs 2005), the mirror image's added. Of each part of these maps (modular eigenspaces: Pentland, Moghaddam
and Starner 1994) the directions in which pictures differ and altered copies of one do not (linear discriminants:
Fisher 1936), scaled to length 1. All parts side by side are reduced by PCA to at most 128 numbers, which cosine
compares. A linear generator, least squares from code to picture, draws what the code sees.
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
# How many pictures are looked at to see whether they are aligned faces.
LOOKED_AT = 64
SHOWN = 32


@dataclass(frozen=True)
class Recipe:
    """The sizes of one fit.

    size: of the side of framed pictures, a multiple of 32. parts: "faces", "grid", a file of boxes, or "auto": faces
    where most pictures have the shape of CelebA's aligned ones. mirror: whether a picture and its mirror image get the
    same code. colour: the weight of colours beside derivatives. large, small, few: axes of large parts, of small ones,
    and of a part's colours. share: of the pictures' covariance in the metric of directions. power: of its standard
    deviation by which each axis of the code is divided. The others are those of `Alterations`.
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
        """How pictures become the graph's input."""
        return Framing(self.size, self.size, CELEBA.crops)

    @property
    def chosen(self) -> tuple[Part, ...]:
        """The parts that are read. Raises InputError for a file that does not hold any."""
        return choose_parts(self.parts)

    @property
    def settings(self) -> Settings:
        """How the reading is fitted."""
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
    # `latentsearch train parts celeba -o runs/parts`: 70 s on two busy AVX-512 cores with the decoding, 0.4 GB. Tuned
    # on 3,535 other faces of the validation partition: agreement @1, @20 there 0.832, 0.819, same person @1, @10 0.274,
    # 0.478. A power of 0.1 costs 0.001 of agreement and brings 0.008 of same person.
    "pictures": {"small": Recipe()},
    # `latentsearch train parts cifar10-small.npz -o runs/photographs`: 20 s. 5 nearest neighbours tell 0.51 of the
    # classes.
    "cifar10": {"small": Recipe(size=64, parts=GRID, turn=10, zoom=0.12, shift=0.047, power=0.0)},
    # `latentsearch train parts mnist.npz -o runs/digits`: a minute. 5 nearest neighbours tell 0.990 of the digits.
    # A mirrored digit is another sign, and digits have no colours.
    "digits": {"small": Recipe(size=32, parts=GRID, mirror=False, colour=0.0)},
}


class PictureMaps:
    """The maps that a recipe reads: latentsearch.parts.fit.Maps."""

    def __init__(self, recipe: Recipe) -> None:
        self.shape = (recipe.size, recipe.size, 3)
        self.features: tuple[FeatureMap, ...] = feature_maps(recipe.mirror, recipe.colour)

    def graph(self) -> Graph:
        """From pictures to maps."""
        graph = Graph()
        picture_maps(graph, "images", self.shape[0], self.features)
        return graph


def settled(recipe: Recipe, data: Path) -> Recipe:
    """The recipe with the parts that "auto" stands for, seen to be one that can be fitted, before anything is written.

    Raises InputError.
    """
    if recipe.size % (2 * CELLS) or recipe.size <= 0:
        raise InputError(f"size is {recipe.size}, not a multiple of {2 * CELLS}: take 128")
    if recipe.parts == AUTO:
        recipe = replace(recipe, parts=parts_for(find_pictures(data)[1]))
    _ = recipe.chosen
    return recipe


def parts_of(data: Path) -> str:
    """Which parts the pictures of a folder have; "grid" where there are none any more."""
    try:
        return parts_for(find_pictures(data)[1])
    except InputError:
        return GRID


def parts_for(files: Sequence[Found]) -> str:
    """ "faces" where most of some of the files have the shape of CelebA's aligned faces, else "grid"."""
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
    except Exception:  # whatever is wrong with it, decoding will say
        return 0, 0


def fit(recipe: Recipe, images: Images, folder: Path, report: StepReport) -> None:
    """Fit a recipe to a run's pictures and write both graphs, full precision, and a sheet into its folder.

    report: called with what is being done, how many pictures are done and how many there are. Raises InputError where
    the pictures are all alike, MissingExtra without onnx.
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
    """Pictures, held-out ones where there are any, beside what the generator draws of their codes."""
    ((pixels, codes),) = each_code(encoder, Block(np.array(images.pixels[:SHOWN])))
    drawn = generator(codes)
    step = pixels.shape[1] // generator.side
    pairs = np.concatenate([pixels[:, ::step, ::step], drawn], 2)
    columns = min(4, len(pairs))
    rows = [np.concatenate(list(pairs[start : start + columns]), 1) for start in range(0, len(pairs), columns)]
    widest = rows[0].shape[1]
    sheet = np.concatenate([np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0))) for row in rows])
    Image.fromarray(sheet).save(path)
