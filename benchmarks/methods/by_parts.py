"""Codes without a network: symmetric pixels and gradients, read by parts, with or without discriminant directions.

These are the rows that a learned code has to beat. Each part gets whitened PCA or linear discriminants, its code is
scaled to length 1, and the parts' codes are concatenated; latentsearch.parts cites the source of each idea.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import Codes, unit
from benchmarks.datasets.celeba import Faces
from benchmarks.datasets.pictures import progress
from benchmarks.methods.methods import Method, Projected
from indexer.encoders.framing import CELEBA
from indexer.system.limits import cores
from latentsearch.parts.alterations import Alterations
from latentsearch.parts.directions import Moments, directions, principal_axes

BLOCK = 256
DIRECTIONS, CELLS = 8, 16
FAINT = 1e-6
SHARE = 0.05
ALTERED = Alterations(turn=10, zoom=0.12, shift=3 / 64)
CODE_SIZE = 128
# The weight of the pixel code beside the gradient code.
PIXEL_WEIGHT = 0.7

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
# Part name -> features, float32 (n, d).
Features = dict[str, NDArray[np.float32]]

# Boxes in the 64x64 picture (left, top, right, bottom), and the size (width, height) that each is reduced to.
PIXEL_PARTS: dict[str, tuple[Box, tuple[int, int]]] = {
    "whole": ((0, 0, 64, 64), (32, 32)),
    "middle": ((12, 12, 52, 52), (32, 32)),
    "eyes": ((8, 16, 56, 36), (36, 16)),
    "mouth": ((14, 36, 50, 60), (30, 20)),
    "top": ((0, 0, 64, 24), (40, 15)),
    "nose": ((20, 20, 44, 44), (20, 20)),
    "jaw": ((4, 36, 60, 64), (32, 16)),
}
# Boxes in the 16x16 cells: (first row, last row, first column, last column).
GRADIENT_PARTS: dict[str, Box] = {
    "whole": (0, 16, 0, 16),
    "middle": (3, 13, 3, 13),
    "eyes": (4, 9, 2, 14),
    "mouth": (9, 15, 3, 13),
    "top": (0, 6, 0, 16),
    "nose": (5, 11, 5, 11),
    "jaw": (9, 16, 1, 15),
}
PIXEL_AXES = {"whole": 100, "middle": 100} | dict.fromkeys(("eyes", "mouth", "top", "nose", "jaw"), 60)
GRADIENT_AXES = {"whole": 150, "middle": 120, "eyes": 80, "mouth": 80, "top": 60, "nose": 80, "jaw": 60}
DIRECTION_AXES = {"whole": 120, "middle": 120} | dict.fromkeys(("eyes", "mouth", "top", "nose", "jaw"), 80)


def pixel_features(pixels: Pixels) -> Features:
    """The parts of each picture plus its mirror image, reduced by area averages.

    Only left halves are kept, because the sum is symmetric.
    """
    colours = pixels.astype(np.float32) / 255
    symmetric = colours + colours[:, :, ::-1]
    found = {}
    for name, ((left, top, right, bottom), (width, height)) in PIXEL_PARTS.items():
        down, across = _area_means(top, bottom, height), _area_means(left, right, width)[: width // 2]
        rows = np.tensordot(symmetric, down, (1, 1))  # (n, x, colour, row)
        found[name] = np.tensordot(rows, across, (1, 1)).reshape(len(pixels), -1)
    return found


def _area_means(begin: int, end: int, count: int) -> NDArray[np.float32]:
    """The weights of 64 pixels in the mean over each of `count` equal intervals of [begin, end]: (count, 64)."""
    edges = np.linspace(begin, end, count + 1)
    positions = np.arange(64)
    shared = np.minimum(edges[1:, None], positions + 1) - np.maximum(edges[:-1, None], positions)
    return np.asarray(np.maximum(shared, 0) * count / (end - begin), np.float32)


def gradient_features(pixels: Pixels) -> Features:
    """HOG over 16x16 cells with eight signed directions, plus the mirror image's; the left half of each part."""
    grey = np.sqrt(pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255)
    edged = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across, down = edged[:, 1:-1, 2:] - edged[:, 1:-1, :-2], edged[:, 2:, 1:-1] - edged[:, :-2, 1:-1]
    maps = _normalised(_binned(np.hypot(across, down), np.arctan2(down, across)))
    mirrored = [(DIRECTIONS // 2 - direction) % DIRECTIONS for direction in range(DIRECTIONS)]
    symmetric = maps + maps[:, mirrored, :, ::-1]
    return {
        name: symmetric[:, :, top:bottom, left : CELLS // 2].reshape(len(pixels), -1)
        for name, (top, bottom, left, _) in GRADIENT_PARTS.items()
    }


def _binned(length: NDArray[np.float32], angle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean gradient length by direction and cell, each split between the two nearest directions: (n, 8, 16, 16)."""
    turn = angle / (2 * np.pi) * DIRECTIONS
    low = np.floor(turn)
    share = (turn - low).astype(np.float32)
    first = low.astype(np.int64) % DIRECTIONS
    count, side = length.shape[0], length.shape[1] // CELLS
    found = np.empty((count, DIRECTIONS, CELLS, CELLS), np.float32)
    for direction in range(DIRECTIONS):
        after = (direction - 1) % DIRECTIONS
        weight = np.where(first == direction, 1 - share, np.where(first == after, share, 0))
        found[:, direction] = (length * weight).reshape(count, CELLS, side, CELLS, side).mean((2, 4))
    return found


def _normalised(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide by the norm over the surrounding 3x3 cells, then take the square root."""
    squares = np.pad((maps**2).sum(1), ((0, 0), (1, 1), (1, 1)))
    around = sum(squares[:, row : row + CELLS, column : column + CELLS] for row, column in np.ndindex(3, 3))
    return np.asarray(np.sqrt(maps / np.sqrt(around + FAINT)[:, None]), np.float32)


@dataclass(frozen=True)
class Source:
    """Features of pictures of one size. compute: pixels uint8 (n, size, size, 3) -> features by part."""

    size: int
    compute: Callable[[Pixels], Features]

    def blocks(self, faces: Faces, altered: bool = False) -> Iterator[tuple[Features, Features | None]]:
        """Yield, block by block, the features of the faces and of an altered copy of each."""
        pixels = faces.pixels(replace(CELEBA, width=self.size, height=self.size))
        starts = range(0, len(pixels), BLOCK)
        with ThreadPoolExecutor(cores()) as pool:
            for start in progress(starts, len(starts), f"features of {self.size}x{self.size} pixels"):
                block = np.array(pixels[start : start + BLOCK])
                seeds = [(0, start + row) for row in range(len(block))]
                copies = np.stack(list(pool.map(ALTERED, block, seeds))) if altered else None
                yield self.compute(block), None if copies is None else self.compute(copies)


PIXEL_SOURCE = Source(64, pixel_features)
GRADIENTS_64, GRADIENTS_128 = Source(64, gradient_features), Source(128, gradient_features)


def _moments(source: Source, faces: Faces, altered: bool) -> dict[str, Moments]:
    """The mean and covariance statistics of each part."""
    found: dict[str, Moments] = {}
    for features, copies in source.blocks(faces, altered):
        for name, rows in features.items():
            found.setdefault(name, Moments()).add(rows, None if copies is None else copies[name])
    return found


@dataclass
class ByParts:
    """Features read by parts.

    axes: the number of axes per part. altered: whether discriminant directions are fitted on altered copies.
    """

    source: Source
    axes: Mapping[str, int]
    altered: bool
    key: str
    name: str
    code: str = ""
    distance: str = "cosine"
    _fitted: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    _encoded: dict[str, Codes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code = f"{sum(self.axes.values())} numbers"

    def fit(self, gallery: Faces) -> None:
        """Fit the axes of each part on the gallery's pictures, once."""
        if self._fitted:
            return
        moments = _moments(self.source, gallery, self.altered)
        for part, count in self.axes.items():
            sums = moments[part]
            if self.altered:
                matrix = directions(sums.covariance, sums.change, sums.count, count, SHARE)
            else:
                matrix = principal_axes(sums.covariance, count, power=1.0)
            self._fitted[part] = (sums.mean, matrix)

    def codes(self, faces: Faces) -> Codes:
        """The codes of all parts, each of length 1, concatenated: float32 (n, d)."""
        if faces.names_sha256 not in self._encoded:
            blocks = (self._read(features) for features, _ in self.source.blocks(faces))
            self._encoded[faces.names_sha256] = np.concatenate(list(blocks))
        return self._encoded[faces.names_sha256]

    def _read(self, features: Features) -> Codes:
        parts = [unit((features[part] - mean) @ matrix) for part, (mean, matrix) in self._fitted.items()]
        return np.concatenate(parts, 1)


@dataclass
class Beside:
    """Two codes concatenated, the second with a weight."""

    first: Method
    second: Method
    key: str
    name: str
    weight: float = 1.0
    code: str = ""
    distance: str = "cosine"

    def __post_init__(self) -> None:
        numbers = sum(int(method.code.split()[0]) for method in (self.first, self.second))
        self.code = f"{numbers} numbers"

    def fit(self, gallery: Faces) -> None:
        """Fit both methods."""
        self.first.fit(gallery)
        self.second.fit(gallery)

    def codes(self, faces: Faces) -> Codes:
        """Both codes, concatenated."""
        return np.concatenate([self.first.codes(faces), self.weight * self.second.codes(faces)], 1)


def by_parts_methods() -> list[Method]:
    """The rows, from symmetric pixels to all features in 128 numbers."""
    some: dict[str, Any] = {"whole": 100}
    symmetric = ByParts(PIXEL_SOURCE, some, False, "symmetric-pixels", "symmetric pixels 32x32, whitened")
    pixels = ByParts(PIXEL_SOURCE, PIXEL_AXES, False, "pixels-by-parts", "pixels by parts")
    coarse = ByParts(GRADIENTS_64, GRADIENT_AXES, False, "gradients-by-parts", "gradients by parts")
    coarse_directions = ByParts(
        GRADIENTS_64, DIRECTION_AXES, True, "gradients-directions", "gradients by parts, directions"
    )
    fine = ByParts(GRADIENTS_128, GRADIENT_AXES, False, "fine-by-parts", "gradients of 128x128 pixels by parts")
    fine_directions = ByParts(
        GRADIENTS_128, DIRECTION_AXES, True, "fine-directions", "gradients of 128x128 pixels by parts, directions"
    )
    both = Beside(fine_directions, pixels, "fine-and-pixels", "gradient directions and pixels by parts", PIXEL_WEIGHT)
    reduced = Projected(
        both,
        "fine-and-pixels-128",
        f"gradient directions and pixels by parts, PCA to {CODE_SIZE} numbers",
        f"{CODE_SIZE} numbers",
        "cosine",
        CODE_SIZE,
        whiten=False,
    )
    return [symmetric, pixels, coarse, coarse_directions, fine, fine_directions, both, reduced]
