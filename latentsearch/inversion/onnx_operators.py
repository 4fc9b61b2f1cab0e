"""PyTorch implementations of the ONNX operators that generators use.

The specification is https://onnx.ai/onnx/operators. Shapes, axes and similar arguments are int64 tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from indexer.errors import EncoderError

Attributes = dict[str, Any]


def to_tensor(tensor: TensorProto) -> Tensor:
    """Convert a graph's constant to a PyTorch tensor."""
    return torch.from_numpy(np.array(numpy_helper.to_array(tensor)))


def apply(node: NodeProto, values: dict[str, Tensor]) -> Tensor:
    """Compute one node of a graph from the values (name -> tensor) computed so far."""
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    # An omitted optional input has an empty name.
    inputs = [values[name] if name else None for name in node.input]
    result: Tensor = OPERATORS[node.op_type](attributes, *inputs)
    return result


def _cast(a: Attributes, x: Tensor) -> Tensor:
    dtype: torch.dtype = getattr(torch, str(helper.tensor_dtype_to_np_dtype(a["to"])))
    return x.to(dtype)


def _constant(a: Attributes) -> Tensor:
    return to_tensor(a["value"])


def _constant_of_shape(a: Attributes, shape: Tensor) -> Tensor:
    value = to_tensor(a["value"]) if "value" in a else torch.zeros(1)
    filled: Tensor = value.repeat(shape.tolist())
    return filled


def _gemm(a: Attributes, x: Tensor, y: Tensor, bias: Tensor | None = None) -> Tensor:
    product: Tensor = (x.T if a.get("transA") else x) @ (y.T if a.get("transB") else y) * a.get("alpha", 1.0)
    return product if bias is None else product + bias * a.get("beta", 1.0)


def _reshape(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    sizes = shape.tolist()
    if not a.get("allowzero"):
        sizes = [size or x.shape[axis] for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _batch_normalisation(a: Attributes, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return F.batch_norm(x, mean, var, scale, bias, eps=a.get("epsilon", 1e-5))


def _convolution(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.conv2d(x, weight, bias, *_strides_and_pads(a), a.get("dilations", 1), a.get("group", 1))


def _deconvolution(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    added = a.get("output_padding", 0)
    return F.conv_transpose2d(x, weight, bias, *_strides_and_pads(a), added, a.get("group", 1), a.get("dilations", 1))


def _strides_and_pads(a: Attributes) -> tuple[Any, Any]:
    before, after = np.split(np.array(a.get("pads", [0, 0, 0, 0])), 2)
    if a.get("auto_pad", b"NOTSET") != b"NOTSET" or not np.array_equal(before, after):
        raise EncoderError("the generator has a convolution with asymmetric padding: export it again")
    return a.get("strides", 1), before.tolist()


def _resize(
    a: Attributes, x: Tensor, region: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None
) -> Tensor:
    height, width = (sizes if sizes is not None else torch.tensor(x.shape) * scales)[2:].tolist()  # type: ignore[operator]
    size = [int(height), int(width)]
    mode, placing = a.get("mode", b"nearest"), a.get("coordinate_transformation_mode", b"half_pixel")
    if mode == b"nearest" and all(new % old == 0 for new, old in zip(size, x.shape[2:], strict=True)):
        return F.interpolate(x, size, mode="nearest")  # for integer factors, all coordinate transformations agree
    if mode == b"linear" and placing in (b"half_pixel", b"pytorch_half_pixel", b"align_corners"):
        return F.interpolate(x, size, mode="bilinear", align_corners=placing == b"align_corners")
    raise EncoderError(f"the generator resizes pictures by a method ({mode.decode()}) that is not supported here")


def _slice(
    a: Attributes, x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
) -> Tensor:
    along = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    index = [slice(None)] * x.dim()
    for axis, start, end, stride in zip(along, starts.tolist(), ends.tolist(), strides, strict=True):
        index[axis] = slice(start, end, stride)
    return x[tuple(index)]


def _expand(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    # ONNX broadcasts in both directions: where the shape is 1, x keeps its size.
    return x + torch.zeros(shape.tolist(), dtype=x.dtype, device=x.device)


def _shape(a: Attributes, x: Tensor) -> Tensor:
    return torch.tensor(x.shape[a.get("start", 0) : a.get("end")])


def _unsqueeze(a: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _squeeze(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(axes.tolist())


def _gather(a: Attributes, x: Tensor, index: Tensor) -> Tensor:
    axis = a.get("axis", 0)
    found = x.index_select(axis, index.flatten())
    return found.reshape([*x.shape[:axis], *index.shape, *x.shape[axis:][1:]])


def _pad(a: Attributes, x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None) -> Tensor:
    if a.get("mode", b"constant") != b"constant":
        raise EncoderError(f"the generator has the padding mode {a['mode'].decode()}, which is not supported here")
    along = range(x.dim()) if axes is None else axes.tolist()
    sides = [[0, 0] for _ in range(x.dim())]
    for axis, before, after in zip(along, *pads.reshape(2, -1).tolist(), strict=True):
        sides[axis] = [before, after]
    # F.pad lists the padding of the last axis first.
    return F.pad(x, [number for side in reversed(sides) for number in side], value=0 if value is None else value.item())


def _scatter(a: Attributes, x: Tensor, index: Tensor, updates: Tensor) -> Tensor:
    return x.index_put(tuple(index.unbind(-1)), updates)


def _flatten(a: Attributes, x: Tensor) -> Tensor:
    axis = a.get("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": lambda a, x, y: x + y,
    "BatchNormalization": _batch_normalisation,
    "Cast": _cast,
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _convolution,
    "ConvTranspose": _deconvolution,
    "Div": lambda a, x, y: x / y,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "Identity": lambda a, x: x,
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "MatMul": lambda a, x, y: x @ y,
    "Mul": lambda a, x, y: x * y,
    "Pad": _pad,
    "Range": lambda a, start, limit, step: torch.arange(start.item(), limit.item(), step.item()),
    "Relu": lambda a, x: F.relu(x),
    "Reshape": _reshape,
    "Resize": _resize,
    "ScatterND": _scatter,
    "Shape": _shape,
    "Sigmoid": lambda a, x: x.sigmoid(),
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": lambda a, x, y: x - y,
    "Tanh": lambda a, x: x.tanh(),
    "Tile": lambda a, x, repeats: x.repeat(repeats.tolist()),
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}
