"""Use a layer of a trained network as maps to read by parts: the network's ONNX graph is cut after that layer."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from indexer.errors import InputError
from latentsearch.parts.directions import Moments, principal_axes
from latentsearch.parts.features import FeatureMap
from latentsearch.parts.fit import Pictures
from latentsearch.parts.graph import Graph, open_graph, run_graph

# The most numbers in all maps of a picture together: the fit decomposes covariance matrices of this many rows.
MOST_NUMBERS = 4_096
# Larger maps are averaged over cells, which leaves at least this many rows and columns.
MOST_CELLS = 16
# Number of pictures for the principal axes of channels.
CHANNEL_PICTURES = 1_024
LAYER = "layer"
# Elementwise operators after a convolution that belong to its layer.
ACTIVATIONS = (
    "QuantizeLinear", "DequantizeLinear", "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "BatchNormalization",
    "HardSwish", "Elu",
)  # fmt: skip


class NetworkLayers:
    """The layers of an exported network, numbered from 1: its convolutions, each with its elementwise operators."""

    def __init__(self, path: Path) -> None:
        self.path = path
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
        shapes = {value.name: _shape(value) for value in (*model.graph.value_info, *model.graph.output)}
        found = (_activated(model.graph.node, node.output[0]) for node in model.graph.node if node.op_type == "Conv")
        self.layers = [(name, shapes[name]) for name in found if len(shapes.get(name, ())) == 4]

    def last_with(self, cells: int) -> int:
        """Return the number of the last layer whose maps have at least this many rows and columns, or 1 if none has."""
        numbers = [number for number, (_, shape) in enumerate(self.layers, 1) if min(shape[2:]) >= cells]
        return max(numbers, default=1)

    def cut(self, number: int, path: Path) -> tuple[int, int, int]:
        """Write the network up to a layer to path and return the shape of its maps (channels, rows, columns).

        Raises InputError if there is no layer with this number.
        """
        if not 1 <= number <= len(self.layers):
            raise InputError(f"the encoder has no layer {number}: choose from 1 to {len(self.layers)}")
        name, shape = self.layers[number - 1]
        onnx.utils.extract_model(str(self.path), str(path), ["images"], [name])
        return shape[1], shape[2], shape[3]

    def views(self, content: bytes, two: NDArray[np.uint8]) -> tuple[int, tuple[int, ...]]:
        """Return the number of views that a cut graph makes per picture, and which of them show the whole picture.

        Four views are the picture, its middle, and both mirrored (latentsearch.export.bundle.EncoderGraph). two: any
        two pictures uint8 (2, h, w, 3).
        """
        (maps,) = run_graph(open_graph(content, 1), two).values()
        views = len(maps) // len(two)
        return views, (0, 2) if views == 4 else tuple(range(views))


def with_mirrored(content: bytes) -> bytes:
    """Return a graph that also processes the mirror images: two views, all pictures before all mirror images."""
    model = onnx.load_from_string(content)
    graph = Graph("views_")
    flipped = graph.slice("images", 2, -1, -(2**31), -1)
    both = graph.add("Concat", "images", flipped, axis=0)
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            if name == "images":
                node.input[position] = both
    nodes = [*graph.nodes, *model.graph.node]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(graph.constants)
    for dimension in model.graph.output[0].type.tensor_type.shape.dim[:1]:
        dimension.dim_param = "views"
    changed: bytes = model.SerializeToString()
    return changed


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(int(dimension.dim_value) for dimension in value.type.tensor_type.shape.dim)


def _activated(nodes: Any, name: str) -> str:
    """Follow a convolution's output through its elementwise operators and return the last value's name."""
    while True:
        following = [node for node in nodes if name in node.input]
        if len(following) != 1 or following[0].op_type not in ACTIVATIONS:
            return name
        name = following[0].output[0]


class LayerMaps:
    """A layer's maps of a picture plus those of its mirror image; implements latentsearch.parts.fit.Maps.

    Maps with at least 32 rows and columns are averaged over cells. If the maps have more than MOST_NUMBERS
    numbers, channels are reduced to their principal axes. content: the cut graph; it outputs maps (views n, channels,
    rows, columns), view by view for n pictures. maps: their shape (channels, rows, columns). framed: the pictures'
    shape (h, w, 3). some: pictures for the principal axes. used: the views to add up.
    """

    def __init__(
        self,
        content: bytes,
        views: int,
        maps: tuple[int, int, int],
        framed: tuple[int, int, int],
        some: Pictures,
        used: tuple[int, ...] = (0, 1),
    ) -> None:
        self._content, self._views, self._maps, self._used = content, views, maps, used
        self.shape = framed
        self._cell = max(1, min(maps[1:]) // MOST_CELLS)
        rows, columns = maps[1] // self._cell, maps[2] // self._cell
        channels = min(maps[0], max(1, MOST_NUMBERS // (rows * columns)))
        self._axes: NDArray[np.float64] | None = None
        self.features: tuple[FeatureMap, ...] = (FeatureMap(LAYER, maps[0], rows, columns),)
        if channels < maps[0]:
            self._axes = _channel_axes(self._finished(), some, channels)
            self.features = (FeatureMap(LAYER, self._axes.shape[1], rows, columns),)

    def of(self, content: bytes) -> LayerMaps:
        """Return the same maps, with the same axes, computed by the cut graph in another precision."""
        other = copy.copy(self)
        other._content = content
        return other

    def graph(self) -> Graph:
        """Return a new graph from pictures to the maps."""
        model = onnx.load_from_string(self._content)
        graph = Graph.continuing(model, "parts_")
        maps, (channels, rows, columns) = model.graph.output[0].name, self._maps
        if self._views > 1:
            views = graph.reshape(maps, self._views, -1, channels, rows, columns)
            used = graph.add("Gather", views, graph.constant(self._used, np.int64), axis=0)
            maps = graph.add("ReduceSum", used, graph.constant([0], np.int64), keepdims=0)
        if self._cell > 1:
            cell = [self._cell, self._cell]
            maps = graph.add("AveragePool", maps, kernel_shape=cell, strides=cell)
        if self._axes is not None:
            weights = graph.constant(self._axes.T[..., None, None])
            graph.add("Conv", maps, weights, kernel_shape=[1, 1], name=LAYER)
        else:
            graph.add("Identity", maps, name=LAYER)
        return graph

    def _finished(self) -> bytes:
        (feature,) = self.features
        return self.graph().finish(
            ("images", np.uint8, list(self.shape)), {LAYER: [feature.channels, feature.rows, feature.columns]}
        )


def _channel_axes(content: bytes, some: Pictures, count: int) -> NDArray[np.float64]:
    """Return the principal axes of channels over all cells of some pictures: (channels, count)."""
    session, moments = open_graph(content, 1), Moments()
    for pixels in some.blocks():
        maps = run_graph(session, pixels)[LAYER]
        moments.add(np.moveaxis(maps, 1, -1).reshape(-1, maps.shape[1]))
    return principal_axes(moments.covariance, count)
