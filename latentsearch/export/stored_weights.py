"""Store the weights of ONNX graphs in fewer bytes; all computation remains in fp32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SMALL = 16_384  # tensors with at most this many elements (biases, whitening) stay fp32


def store_as_fp16(path: Path) -> None:
    """Store large weights as fp16, which are cast to fp32 on loading: half the size at the same speed."""
    _store(path, _fp16)


def store_as_int8(path: Path) -> None:
    """Store large weights as int8 and one scale per slice; loading multiplies the two: a quarter of the size.

    Unlike `quantise`, this changes only the weights; activations and sums stay fp32.
    """
    _store(path, _int8)


Stored = tuple[list[onnx.TensorProto], list[onnx.NodeProto]]


def _store(path: Path, form: Callable[[str, NDArray[np.float32]], Stored]) -> None:
    """Replace each large weight by smaller constants and nodes that compute it; ONNX Runtime folds them on loading."""
    model = onnx.load(path)
    kept, nodes = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > SMALL:
            constants, making = form(tensor.name, numpy_helper.to_array(tensor))
            kept += constants
            nodes += making
        else:
            kept.append(tensor)
    nodes += model.graph.node
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _fp16(name: str, weight: NDArray[np.float32]) -> Stored:
    half = numpy_helper.from_array(weight.astype(np.float16), f"{name}_fp16")
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _int8(name: str, weight: NDArray[np.float32]) -> Stored:
    # One scale per slice of the first axis: a dimension of the code, or an input channel of a transposed convolution.
    scales = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True) / 127
    whole = numpy_helper.from_array(np.rint(weight / np.maximum(scales, 1e-30)).astype(np.int8), f"{name}_int8")
    scale = numpy_helper.from_array(scales.astype(np.float32), f"{name}_scale")
    cast = helper.make_node("Cast", [whole.name], [f"{name}_cast"], to=TensorProto.FLOAT)
    return [whole, scale], [cast, helper.make_node("Mul", [f"{name}_cast", scale.name], [name])]
