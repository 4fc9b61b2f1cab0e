"""PyTorch networks -> ONNX graphs, in full precision, stored as fp16, or quantised to int8."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from indexer.onnx_runtime import import_onnxruntime

OPSET = 20
CALIBRATION_IMAGES = 512
SMALL = 16_384  # numbers; smaller tensors (biases, the whitening) stay fp32


def export_graph(network: nn.Module, example: Tensor, path: Path, input_name: str, output_name: str) -> None:
    """Write a network (eval mode, CPU) as ONNX, its batch dynamic, batch normalisation folded into convolutions."""
    torch.onnx.export(
        fold_batch_normalisation(network),
        (example,),
        path,
        input_names=[input_name],
        output_names=[output_name],
        dynamic_shapes=({0: "n"},),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    forget_origin(path)


def forget_origin(path: Path) -> None:
    """Remove what the exporter notes beside a graph: lines of source code, with the paths of the machine it ran on."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, path)


def fold_batch_normalisation(network: nn.Module) -> nn.Module:
    """A copy of a network in which every batch normalisation that follows a convolution is part of it."""
    network = copy.deepcopy(network).float().eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                layer, following = module[index], module[index + 1]
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and type(following) is nn.BatchNorm2d:
                    transposed = isinstance(layer, nn.ConvTranspose2d)
                    module[index] = fuse_conv_bn_eval(layer, following, transposed)
                    module[index + 1] = nn.Identity()
    return network


def compress(path: Path, precision: str, images: NDArray[np.uint8]) -> None:
    """Rewrite a graph as fp32, fp16 or int8; images uint8 (n, h, w, 3) calibrate int8."""
    if precision == "fp16":
        store_as_fp16(path)
    elif precision == "int8":
        quantise(path, images[:: max(1, len(images) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES])


def store_as_fp16(path: Path) -> None:
    """Store large weights as fp16, cast to fp32 when the graph is loaded: half the size and the same speed."""
    _store(path, _fp16)


def store_as_int8(path: Path) -> None:
    """Store large weights as int8 with a scale a slice, multiplied out when the graph is loaded: a quarter of the size.

    Unlike `quantise` it changes the weights alone: activations and sums stay fp32.
    """
    _store(path, _int8)


Stored = tuple[list[onnx.TensorProto], list[onnx.NodeProto]]


def _store(path: Path, form: Callable[[str, NDArray[np.float32]], Stored]) -> None:
    """Replace every large weight by constants and the nodes that make it of them; loading folds those."""
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
    # A scale for each slice along the first axis: the code's number or the input channel of a transposed convolution.
    scales = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True) / 127
    whole = numpy_helper.from_array(np.rint(weight / np.maximum(scales, 1e-30)).astype(np.int8), f"{name}_int8")
    scale = numpy_helper.from_array(scales.astype(np.float32), f"{name}_scale")
    cast = helper.make_node("Cast", [whole.name], [f"{name}_cast"], to=TensorProto.FLOAT)
    return [whole, scale], [cast, helper.make_node("Mul", [f"{name}_cast", scale.name], [name])]


def quantise(path: Path, images: NDArray[np.uint8]) -> None:
    """Quantise weights and activations to int8 by the range of activations over the images.

    Weights keep to seven bits (`reduce_range`): on processors without VNNI, eight would overflow 16-bit sums.
    """
    quantization = import_onnxruntime("quantization")
    prepared = path.with_suffix(".prepared.onnx")
    shapes = import_onnxruntime("quantization.shape_inference")
    shapes.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    try:
        quantization.quantize_static(
            str(prepared),
            str(path),
            _Calibration(images),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Gemm", "MatMul", "Relu"],
            nodes_to_exclude=_last_products(prepared),
        )
    finally:
        prepared.unlink()


def _last_products(path: Path) -> list[str]:
    """The matrix products: few operations, and what they lose no later layer mends."""
    return [node.name for node in onnx.load(path).graph.node if node.op_type in ("Gemm", "MatMul")]


class _Calibration:
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.batches: Iterator[NDArray[np.uint8]] = iter(np.array_split(images, max(1, len(images) // 32)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch}
