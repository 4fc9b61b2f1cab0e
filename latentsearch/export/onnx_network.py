"""Use a network from an ONNX file as an encoder, with the normalisation of its input inside the graph."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from indexer.errors import InputError
from latentsearch.export.onnx_file import (
    INSIDE,
    InputForm,
    cut,
    first_line,
    input_of,
    output_of,
    parse,
    read_file,
)
from latentsearch.parts.graph import Graph, open_graph, run_graph

# Covariances of features have this many rows at most: 0.5 GiB in fp64.
MOST_FEATURES = 8_192
# The prefixes of the names of values around a network, and after its features.
AROUND, REDUCED = "around/", "reduced/"
FEATURES = "features"
# The greatest difference, relative to the greatest feature, between a picture encoded alone and in a batch.
TOLERANCE = 1e-3

Reduction = tuple[NDArray[np.float64], NDArray[np.float64]]


class OnnxNetwork:
    """A network from an ONNX file, up to one of its values.

    framing: of its pictures, with the crop of aligned faces. output: the value's name. is_map: whether it is averaged.
    sha256: of the file. features: numbers a picture. Raises InputError for a file that is no encoder, in one sentence.
    """

    def __init__(self, path: Path, form: InputForm, output: str | None = None) -> None:
        content = read_file(path)
        self.path, self.sha256 = path, hashlib.sha256(content).hexdigest()
        model = parse(path, content)
        self._form, self._input = form, input_of(path, model, form)
        self.framing = self._input.framing
        self.output = output_of(path, model, output)
        self._inside = cut(model, self.output)
        self.is_map = False
        self.is_map, self.features = self._tried()

    def features_graph(self) -> bytes:
        """Return the model from pictures "images" to FEATURES (n, d)."""
        graph = self._normalised()
        values = graph.add("Cast", INSIDE + self.output, to=TensorProto.FLOAT)
        if self.is_map:
            values = graph.add("GlobalAveragePool", values)
        graph.add("Flatten", values, axis=1, name=FEATURES)
        return self._finished(graph, FEATURES, self.features)

    def codes_graph(self, features: bytes, reduction: Reduction | None) -> bytes:
        """Continue a model up to FEATURES to "codes": reduced and scaled to length 1, or the features themselves.

        reduction: a mean (d,) and a matrix (d, k); a code is (features - mean) @ matrix, scaled to length 1.
        """
        graph = Graph.continuing(onnx.load_model_from_string(features), REDUCED)
        if reduction is None:
            graph.add("Identity", FEATURES, name="codes")
            return self._finished(graph, "codes", self.features)
        mean, matrix = reduction
        centred = graph.add("Sub", FEATURES, graph.constant(mean))
        _add_unit(graph, graph.add("MatMul", centred, graph.constant(matrix)), matrix.shape[1])
        return self._finished(graph, "codes", matrix.shape[1])

    def _finished(self, graph: Graph, output: str, size: int) -> bytes:
        """Return the serialised model of a graph; raises InputError if it is not a valid one."""
        given = ("images", np.uint8, [self.framing.height, self.framing.width, 3])
        try:
            return graph.finish(given, {output: [size]})
        except (onnx.checker.ValidationError, ValueError) as error:
            raise InputError(f"{self.path} cannot be used: {first_line(error)}") from error

    def run(self, content: bytes, images: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
        """Run a finished model with one output on images uint8 (n, h, w, 3). Raises InputError if that fails."""
        try:
            (found,) = run_graph(open_graph(content, threads), images).values()
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base class
            raise InputError(
                f"{self.path} cannot encode pictures of {self.framing.width}x{self.framing.height} pixels, several at "
                f"a time: {first_line(error)}"
            ) from error
        return np.asarray(found)

    def _normalised(self) -> Graph:
        """Return a graph from "images" to the network's value."""
        graph = Graph.continuing(self._inside, AROUND)
        count = len(graph.nodes)
        if self._input.type == TensorProto.UINT8:
            pixels = "images"
        else:
            mean, scale = (np.array(numbers, np.float32) for numbers in (self._form.mean, self._form.scale))
            floats = graph.add("Cast", "images", to=TensorProto.FLOAT)
            centred = graph.add("Sub", floats, graph.constant(mean))
            scaled = graph.add("Div", centred, graph.constant(scale))
            pixels = graph.add("Cast", scaled, to=self._input.type)
        order = [0, 1, 2, 3] if self._input.channels_last else [0, 3, 1, 2]
        graph.add("Transpose", pixels, perm=order, name=INSIDE + self._input.name)
        graph.nodes = [*graph.nodes[count:], *graph.nodes[:count]]
        return graph

    def _tried(self) -> tuple[bool, int]:
        """Encode three pictures of noise; return whether the output is maps (n, c, h, w), and the numbers a picture."""
        shape = (3, self.framing.height, self.framing.width, 3)
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        whole = self._raw(images)
        if whole.ndim not in (2, 4) or len(whole) != len(images):
            raise InputError(
                f"{self.path}: its output {self.output!r} has the shape {whole.shape} for 3 pictures, not (3, numbers) "
                "or (3, channels, rows, columns): name another value with --features"
            )
        features = whole.shape[1]
        if not 2 <= features <= MOST_FEATURES:
            raise InputError(
                f"{self.path}: its output {self.output!r} has {features:,} numbers a picture, not 2 to "
                f"{MOST_FEATURES:,}: name another value with --features"
            )
        alone = np.concatenate([self._raw(images[row : row + 1]) for row in range(len(images))])
        if np.abs(alone - whole).max(initial=0) > TOLERANCE * max(float(np.abs(whole).max()), 1e-6):
            raise InputError(f"{self.path} gives a picture another code in a batch than alone: export it in eval mode")
        return whole.ndim == 4, features

    def _raw(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        graph = self._normalised()
        graph.add("Cast", INSIDE + self.output, to=TensorProto.FLOAT, name=FEATURES)
        model = onnx.load_model_from_string(self._finished(graph, FEATURES, 1))
        # The rank is not known yet.
        model.graph.output[0].type.tensor_type.ClearField("shape")
        found = self.run(model.SerializeToString(), images)
        if not np.isfinite(found).all():
            raise InputError(f"{self.path} gives numbers that are not finite: is mean or scale wrong?")
        return found


def _add_unit(graph: Graph, codes: str, size: int) -> None:
    """Scale codes (n, size) to length 1 as "codes", with operators that mean the same in every version of ONNX."""
    squares = graph.add("MatMul", graph.add("Mul", codes, codes), graph.constant(np.ones((size, 1))))
    graph.add("Div", codes, graph.add("Sqrt", graph.add("Add", squares, graph.constant(1e-12))), name="codes")
