"""PyTorch networks -> ONNX graphs, in full precision, stored as fp16, or quantised to int8."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


def fold_batch_normalisation(network: nn.Module) -> nn.Module:
    """A copy of a network in which every batch normalisation that follows a convolution is part of it."""
    network = copy.deepcopy(network).float().eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                layer, following = module[index], module[index + 1]
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and isinstance(following, nn.BatchNorm2d):
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
    """Store weights as fp16, cast to fp32 when the graph is loaded: half the size, and the same speed anywhere."""
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > SMALL:
            name, stored = tensor.name, tensor.name + "_fp16"
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    onnx.save(model, path)


def quantise(path: Path, images: NDArray[np.uint8]) -> None:
    """Quantise weights and activations to int8 by the range of activations over the images.

    Weights keep to seven bits (`reduce_range`): on processors without VNNI, eight would overflow 16-bit sums.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    try:
        quantize_static(
            str(prepared),
            str(path),
            _Calibration(images),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
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
