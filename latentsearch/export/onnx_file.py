"""Read an ONNX file from anywhere: check that it is a network from one picture to values, and cut it at one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from indexer.encoders.encoder import SIZE_AT_MOST
from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import InputError

# The largest file that protobuf reads.
MOST_BYTES = 2**31 - 1
# The most elements of a tensor whose shape a file states; a GiB in fp32.
MOST_ELEMENTS = 2**28
# Nodes that repeat others, as often as a number in the file says.
LOOPS = ("Loop", "Scan")
# The prefix of the names of a network's values, which keeps them apart from those of nodes around it.
INSIDE = "network/"


@dataclass(frozen=True)
class InputForm:
    """A network's input: (pixel - mean) / scale, for pixels from 0 to 255.

    size: (width, height) in pixels, None for the size that the file states. mean, scale: a number, or three for red,
    green and blue.
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (255.0,)

    def __post_init__(self) -> None:
        for what, numbers in (("mean", self.mean), ("scale", self.scale)):
            if len(numbers) not in (1, 3) or not np.isfinite(numbers).all():
                raise InputError(f"{what} is {numbers}: give one number, or three for red, green and blue")
        if 0 in self.scale:
            raise InputError("scale is 0: pixels are divided by it")
        if self.size is not None and not all(1 <= side <= SIZE_AT_MOST for side in self.size):
            raise InputError(f"size is {self.size}: give a width and a height from 1 to {SIZE_AT_MOST}")


class PictureInput(NamedTuple):
    """A network's input: its name and type (of TensorProto), the order of its axes, and the framing of its pictures."""

    name: str
    type: int
    channels_last: bool
    framing: Framing


def read_file(path: Path) -> bytes:
    """Read a whole file. Raises InputError if that fails or it is too large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than {MOST_BYTES >> 20:,} MiB: an encoder is smaller")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error


def parse(path: Path, content: bytes) -> onnx.ModelProto:
    """Parse and check a model, with local functions inlined, names prefixed and without values' stated shapes."""
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise InputError(f"{path} is not an ONNX file") from error
    if not model.graph.node:
        raise InputError(f"{path} is not an ONNX file with a network")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model.graph)):
        raise InputError(f"{path} keeps its weights in other files: save it as one file")
    loops = {node.op_type for node in _nodes(model.graph)} & set(LOOPS)
    if loops:
        raise InputError(f"{path} has a {min(loops)}, which need not end: only networks without loops can be used")
    try:
        onnx.checker.check_model(model)
        model = onnx.inliner.inline_local_functions(model) if model.functions else model
        _check_sizes(path, onnx.shape_inference.infer_shapes(model))
        return onnx.compose.add_prefix(model, INSIDE)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is not a valid ONNX network: {first_line(error)}") from error


def _check_sizes(path: Path, model: onnx.ModelProto) -> None:
    graph = model.graph
    for value in (*graph.input, *graph.value_info, *graph.output):
        sides = [float(side.dim_value) for side in value.type.tensor_type.shape.dim if side.dim_value]
        if np.prod(sides) > MOST_ELEMENTS:
            raise InputError(f"{path} holds a tensor of {np.prod(sides):.1e} numbers, which needs too much memory")


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(inner)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in _nodes(graph):
        for attribute in node.attribute:
            yield from (*attribute.tensors, attribute.t, *attribute.g.initializer)


def input_of(path: Path, model: onnx.ModelProto, form: InputForm) -> PictureInput:
    """Return the network's only input of pictures. Raises InputError if it takes anything else."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name.removeprefix(INSIDE)) for value in inputs) or "none"
        raise InputError(f"{path} has {len(inputs)} inputs ({names}): an encoder takes pictures alone")
    (value,) = inputs
    kind = value.type.tensor_type
    sides = [side.dim_value for side in kind.shape.dim]
    known = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8)
    if len(sides) != 4 or kind.elem_type not in known or 3 not in (sides[1] or 3, sides[3]):
        name, shape = onnx.TensorProto.DataType.Name(kind.elem_type), ", ".join(str(side or "any") for side in sides)
        raise InputError(
            f"{path} takes {name} ({shape}), not float32, float16 or uint8 (n, 3, height, width) or (n, height, width, "
            "3)"
        )
    channels_last = sides[1] not in (0, 3) or (sides[1] == 0 and sides[3] == 3)
    height, width = sides[1:3] if channels_last else sides[2:]
    return PictureInput(
        value.name.removeprefix(INSIDE), kind.elem_type, channels_last, _framing(path, width, height, form.size)
    )


def _framing(path: Path, width: int, height: int, size: tuple[int, int] | None) -> Framing:
    if size is None and not (width and height):
        raise InputError(f"{path} takes pictures of any size: choose one with --size WIDTHxHEIGHT")
    chosen = size or (width, height)
    if (width or chosen[0], height or chosen[1]) != chosen:
        raise InputError(f"{path} takes pictures of {width or 'any'}x{height or 'any'} pixels: leave --size out")
    if max(chosen) > SIZE_AT_MOST:
        raise InputError(f"{path} takes pictures of {width}x{height} pixels: an encoder's are smaller")
    return Framing(*chosen, CELEBA.crops if chosen[0] == chosen[1] else ())


def output_of(path: Path, model: onnx.ModelProto, wanted: str | None) -> str:
    """Return the name of the value to take codes from. Raises InputError if there is none, or a choice to make."""
    outputs = [value.name.removeprefix(INSIDE) for value in model.graph.output]
    if wanted is None and len(outputs) != 1:
        raise InputError(f"{path} has the outputs {', '.join(map(repr, outputs))}: choose one with --features")
    values = {name.removeprefix(INSIDE) for node in model.graph.node for name in node.output}
    chosen = wanted or outputs[0]
    if chosen not in values:
        raise InputError(f"{path} computes no value {chosen!r}: its outputs are {', '.join(map(repr, outputs))}")
    return chosen


def cut(model: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """Remove what a value does not depend on, and the stated shapes, which may fix the number of pictures."""
    needed, kept = {INSIDE + output}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            inner = (name for part in _nodes_within(node) for name in part.input)
            needed.update((*node.input, *inner))
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    kept.reverse()
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(weights)
    return model


def _nodes_within(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from _nodes(graph)


def first_line(error: Exception) -> str:
    """Return an error's text on one line, without control characters, which names in a file may hold."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error).strip())
    return " ".join(text.split())[:300] or type(error).__name__
