"""Fit a reading to pictures in two passes, each of which accumulates moments batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.progress import StepReport
from indexer.system.limits import cores
from latentsearch.parts.alterations import Alterations
from latentsearch.parts.boxes import Part
from latentsearch.parts.directions import Moments, directions, principal_axes
from latentsearch.parts.features import FeatureMap
from latentsearch.parts.graph import Graph, open_graph, run_graph
from latentsearch.parts.reading import SIDE_BY_SIDE, PartReading, Reading, Region, regions_of

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Pixels = NDArray[np.uint8]
# Parts that cover at least this share of the picture get `Settings.large` axes, smaller ones `Settings.small`.
LARGE = 0.39
BATCH = 64


class Pictures(Protocol):
    """Framed pictures uint8 (n, h, w, 3) that can be iterated in blocks, more than once."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        ...

    def blocks(self) -> Iterator[Pixels]:
        """Yield all pictures in order, block by block."""
        ...


@dataclass(frozen=True)
class Block:
    """Pictures in memory."""

    pixels: Pixels

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pixels)

    def blocks(self) -> Iterator[Pixels]:
        """Yield all pictures as one block."""
        yield self.pixels


class Maps(Protocol):
    """A graph from `images`, pictures uint8 (n, *shape), to the maps in `features`."""

    shape: tuple[int, int, int]
    features: tuple[FeatureMap, ...]

    def graph(self) -> Graph:
        """Return a new graph from `images` to the maps, to which a reading can be appended."""
        ...


@dataclass(frozen=True)
class Settings:
    """The parameters of a fit.

    large, small: axes per large and per small part. few: axes per part of a map with `few`, such as colours.
    total_weight: weight of the pictures' covariance in the metric of `directions`, where that of the alterations has
    weight 1. power: each axis of the code is divided by its standard deviation to this power.
    """

    parts: tuple[Part, ...]
    latent_size: int = 128
    large: int = 120
    small: int = 80
    few: int = 40
    total_weight: float = 0.05
    power: float = 0.0
    alterations: Alterations = field(default_factory=Alterations)
    seed: int = 0

    def axes(self, region: Region) -> int:
        """Return the greatest number of axes for a region."""
        if region.feature.few:
            return self.few
        return self.large if region.share >= LARGE else self.small


class Runner:
    """Runs graphs on batches of pictures and alters pictures, in a pool of threads."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool

    def __call__(self, session: InferenceSession, pixels: Pixels) -> dict[str, NDArray[np.float32]]:
        """Run a graph on all pictures and return its outputs by name."""
        batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
        found = list(self._pool.map(partial(run_graph, session), batches))
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

    def each(self, function: Callable[[Region], PartReading], items: list[Region]) -> list[PartReading]:
        """Apply a function to all regions in the pool, and return its results in their order."""
        return list(self._pool.map(function, items))

    def alter(self, pixels: Pixels, alterations: Alterations, seed: int, first: int) -> Pixels:
        """Return an altered copy of each picture, seeded by (seed, the picture's number); `first` numbers the first."""
        seeds = [(seed, first + row) for row in range(len(pixels))]
        return np.stack(list(self._pool.map(alterations, pixels, seeds)))


def fit_reading(maps: Maps, pictures: Pictures, settings: Settings, report: StepReport) -> Reading:
    """Fit a reading of these maps by parts to pictures.

    report: called with the name of the pass, the number of pictures done and their total. Raises InputError if all
    pictures look the same.
    """
    with ThreadPoolExecutor(cores()) as pool:
        runner = Runner(pool)
        parts = _fit_parts(maps, pictures, settings, runner, report)
        if not parts:
            raise InputError("the pictures all look alike to the encoder: name a folder of pictures that differ")
        return _fit_reduction(Reading(tuple(parts)), maps, pictures, settings, runner, report)


def _fit_parts(
    maps: Maps, pictures: Pictures, settings: Settings, runner: Runner, report: StepReport
) -> list[PartReading]:
    moments = {feature.name: Moments() for feature in maps.features}
    session = open_graph(_finished(maps, {feature.name: _shape(feature) for feature in maps.features}), 1)
    for done, pixels in _counted(pictures, report, "directions"):
        rows = runner(session, pixels)
        altered = runner(session, runner.alter(pixels, settings.alterations, settings.seed, done))
        for name, sums in moments.items():
            sums.add(rows[name].reshape(len(pixels), -1), altered[name].reshape(len(pixels), -1))
    found = regions_of(settings.parts, maps.features)
    readings = runner.each(lambda region: _fit_part(region, moments[region.feature.name], settings), found)
    return [reading for reading in readings if reading.matrix.shape[1]]


def _fit_part(region: Region, moments: Moments, settings: Settings) -> PartReading:
    cells = region.cells
    square = np.ix_(cells, cells)
    total, within = moments.covariance[square], moments.change[square]
    matrix = directions(total, within, moments.count, settings.axes(region), settings.total_weight)
    return PartReading(region, moments.mean[cells], matrix)


def _fit_reduction(
    parts: Reading, maps: Maps, pictures: Pictures, settings: Settings, runner: Runner, report: StepReport
) -> Reading:
    moments = Moments()
    session = open_graph(finish(maps, parts, SIDE_BY_SIDE), 1)
    for _, pixels in _counted(pictures, report, "reduction"):
        moments.add(runner(session, pixels)[SIDE_BY_SIDE])
    matrix = principal_axes(moments.covariance, settings.latent_size, settings.power)
    return Reading(parts.parts, moments.mean, matrix)


def finish(maps: Maps, reading: Reading, name: str = "codes") -> bytes:
    """Return the serialised graph from pictures to the output of a reading, under this name."""
    graph = maps.graph()
    reading.append(graph, name)
    return graph.finish(("images", np.uint8, list(maps.shape)), {name: [reading.size]})


def _finished(maps: Maps, outputs: dict[str, list[int]]) -> bytes:
    return maps.graph().finish(("images", np.uint8, list(maps.shape)), outputs)


def _shape(feature: FeatureMap) -> list[int]:
    return [feature.channels, feature.rows, feature.columns]


def _counted(pictures: Pictures, report: StepReport, what: str) -> Iterator[tuple[int, Pixels]]:
    """Yield the blocks with the number of each block's first picture, and report progress."""
    done = 0
    for pixels in pictures.blocks():
        yield done, pixels
        done += len(pixels)
        report(what, done, len(pictures))


def each_code(
    content: bytes, pictures: Pictures, report: StepReport = lambda what, done, total: None, what: str = "encoding"
) -> Iterator[tuple[Pixels, NDArray[np.float32]]]:
    """Encode pictures with a finished graph; yields each block with its codes float32 (n, d)."""
    session = open_graph(content, 1)
    with ThreadPoolExecutor(cores()) as pool:
        runner = Runner(pool)
        for _, pixels in _counted(pictures, report, what):
            yield pixels, runner(session, pixels)["codes"]
