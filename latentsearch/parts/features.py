"""Compute maps of 16x16 cells from pictures, as ONNX nodes: half-wave derivatives by direction, and mean colours.

The derivatives follow "Histograms of oriented gradients for human detection" (Dalal and Triggs 2005) without its
binning: each map is the positive part of the derivative in one of eight directions, averaged over a cell, divided by
the norm of the surrounding 3x3 cells, and replaced by its square root. This needs only convolutions and poolings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentsearch.parts.graph import Graph

CELLS = 16
DIRECTIONS = 8
GREY = (0.299, 0.587, 0.114)
# Added in quadrature to the norm that derivatives are divided by, so that noise in flat areas is not amplified.
FAINT = 0.01
# For each direction, the direction after mirroring: the channel of the mirror image that matches it.
MIRRORED = [(DIRECTIONS // 2 - direction) % DIRECTIONS for direction in range(DIRECTIONS)]


@dataclass(frozen=True)
class FeatureMap:
    """A map of the picture: its output's name in the graph, and its shape.

    folded: whether the map is the left half plus the mirrored right half. few: whether its parts get only
    `Settings.few` axes. weight: factor of its parts' numbers when all parts are concatenated.
    """

    name: str
    channels: int
    rows: int
    columns: int
    folded: bool = False
    few: bool = False
    weight: float = 1.0


def feature_maps(mirror: bool, colour: float) -> tuple[FeatureMap, ...]:
    """Describe the maps that `picture_maps` computes.

    mirror: whether maps are folded. colour: weight of the colour map relative to the derivatives; 0 omits it.
    """
    columns = CELLS // 2 if mirror else CELLS
    gradients = FeatureMap("gradients", DIRECTIONS, CELLS, columns, mirror)
    colours = FeatureMap("colours", 3, CELLS, columns, mirror, few=True, weight=colour)
    return (gradients, colours) if colour else (gradients,)


def picture_maps(graph: Graph, images: str, size: int, wanted: tuple[FeatureMap, ...]) -> None:
    """Add nodes that compute the wanted maps, under their own names, from pictures uint8 (n, size, size, 3)."""
    pixels = graph.add("Cast", images, to=1)
    for feature in wanted:
        whole = f"{feature.name}_whole" if feature.folded else feature.name
        (_gradients if feature.name == "gradients" else _colours)(graph, pixels, size, whole)
        if feature.folded:
            _fold(graph, whole, feature)


def _gradients(graph: Graph, pixels: str, size: int, name: str) -> None:
    root = graph.add("Sqrt", _grey(graph, pixels, size))
    edged = graph.add("Pad", root, graph.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="edge")
    # One convolution with stride 2 computes 2x2 pixels at once: 4 times the channels fill the processor's vectors.
    waves = graph.add("Conv", edged, graph.constant(_derivatives()), kernel_shape=[4, 4], strides=[2, 2])
    waves = graph.add("Relu", waves)
    cell = size // CELLS // 2
    if cell > 1:
        waves = graph.add("AveragePool", waves, kernel_shape=[cell, cell], strides=[cell, cell])
    means = graph.add("Conv", waves, graph.constant(_mean_of_positions()), kernel_shape=[1, 1])
    around = graph.constant(np.ones((1, DIRECTIONS, 3, 3)))
    squares = graph.add("Conv", graph.add("Mul", means, means), around, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    length = graph.add("Sqrt", graph.add("Add", squares, graph.constant(FAINT**2)))
    graph.add("Sqrt", graph.add("Div", means, length), name=name)


def _grey(graph: Graph, pixels: str, size: int) -> str:
    """Add nodes for grey (n, 1, size, size) in [0, 1]; one product per 16 pixels is faster than a convolution."""
    rows = graph.reshape(pixels, -1, 3 * CELLS)
    matrix = np.kron(np.eye(CELLS), np.array(GREY)[:, None]) / 255
    return graph.reshape(graph.add("MatMul", rows, graph.constant(matrix)), -1, 1, size, size)


def _derivatives() -> NDArray[np.float64]:
    """Return kernels of central differences for each direction at each of 2x2 positions: (4 DIRECTIONS, 1, 4, 4)."""
    kernels = np.zeros((DIRECTIONS, 2, 2, 4, 4))
    for direction, angle in enumerate(2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS):
        for y, x in np.ndindex(2, 2):
            kernels[direction, y, x, 1 + y, x : x + 3] += np.cos(angle) * np.array([-1, 0, 1])
            kernels[direction, y, x, y : y + 3, 1 + x] += np.sin(angle) * np.array([-1, 0, 1])
    return kernels.reshape(-1, 1, 4, 4)


def _mean_of_positions() -> NDArray[np.float64]:
    return np.kron(np.eye(DIRECTIONS), np.full((1, 4), 1 / 4))[..., None, None]


def _colours(graph: Graph, pixels: str, size: int, name: str) -> None:
    """Add nodes for the mean colour of each cell: (n, 3, 16, 16) in [0, 1]."""
    cell = size // CELLS
    across = np.tile(np.eye(3), (cell, 1)) / (255 * cell)
    rows = graph.add("MatMul", graph.reshape(pixels, -1, 3 * cell), graph.constant(across))
    rows = graph.reshape(rows, -1, CELLS, cell, 3 * CELLS)
    means = graph.add("ReduceMean", rows, graph.constant([2], np.int64), keepdims=0)
    graph.add("Transpose", graph.reshape(means, -1, CELLS, CELLS, 3), perm=[0, 3, 1, 2], name=name)


def _fold(graph: Graph, whole: str, feature: FeatureMap) -> None:
    """Add nodes that fold a map: they add the mirrored right half to the left half."""
    left = graph.slice(whole, 3, 0, feature.columns)
    right = graph.slice(whole, 3, 2 * feature.columns - 1, feature.columns - 1, -1)
    if feature.channels == DIRECTIONS:
        right = graph.add("Gather", right, graph.constant(MIRRORED, np.int64), axis=1)
    graph.add("Add", left, right, name=feature.name)
