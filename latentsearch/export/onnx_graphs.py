"""Export PyTorch networks as ONNX graphs: in full precision, stored as fp16, or quantised to int8."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from indexer.system.extras import import_onnxruntime
from latentsearch.export.stored_weights import store_as_fp16, store_as_int8

OPSET = 20
CALIBRATION_IMAGES = 512


def export_graph(network: nn.Module, example: Tensor, path: Path, input_name: str, *output_names: str) -> None:
    """Write a network (eval mode, CPU) as ONNX with a dynamic batch and with folded batch normalisation."""
    torch.onnx.export(
        fold_batch_normalisation(network),
        (example,),
        path,
        input_names=[input_name],
        output_names=list(output_names),
        dynamic_shapes=({0: "n"},),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    forget_origin(path)


def forget_origin(path: Path) -> None:
    """Remove the exporter's metadata from a graph: it contains source code and paths of this machine."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, path)


def fold_batch_normalisation(network: nn.Module) -> nn.Module:
    """Return a copy of a network with each batch normalisation folded into the convolution before it."""
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
    """Rewrite a graph in a precision, fp32, fp16 or int8; int8 is calibrated on images uint8 (n, h, w, 3).

    With int8, convolutions compute with integers; matrix products compute in fp32 and only store their weights as int8.
    """
    if precision == "fp16":
        store_as_fp16(path)
    elif precision == "int8":
        quantise(path, images[:: max(1, len(images) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES])
        store_as_int8(path)


def quantise(path: Path, images: NDArray[np.uint8]) -> None:
    """Quantise weights and activations to int8, calibrated by the range of activations on images.

    Weights use seven bits (`reduce_range`), because eight would overflow 16-bit sums on processors without VNNI.
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
    """Return the names of the matrix products. They compute in fp32: no later layer compensates for their errors."""
    return [node.name for node in onnx.load(path).graph.node if node.op_type in ("Gemm", "MatMul")]


class _Calibration:
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.batches: Iterator[NDArray[np.uint8]] = iter(np.array_split(images, max(1, len(images) // 32)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch}
