"""Store exported ONNX graphs in a precision: fp32, fp16 or int8."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from indexer.system.extras import import_onnxruntime
from latentsearch.export.stored_weights import store_as_fp16, store_as_int8

CALIBRATION_IMAGES = 512


@dataclass(frozen=True)
class Quantisation:
    """What int8 applies to.

    operators: the types of nodes. exact: this many convolutions, counted from the picture, stay fp32.
    """

    operators: tuple[str, ...]
    exact: int = 0


# The networks that are trained here.
TRAINED_HERE = Quantisation(("Conv", "Gemm", "MatMul", "Relu"))
# Networks from elsewhere. The first convolutions are sensitive: with six of them in fp32 and depthwise weights in eight
# bits, the mean cosine of EfficientNet-Lite0's centred codes to those in fp32 rises from 0.89 to 0.99.
FOREIGN = Quantisation(("Conv", "Clip", "Relu", "Add"), exact=6)


def compress(path: Path, precision: str, images: NDArray[np.uint8], how: Quantisation = TRAINED_HERE) -> None:
    """Rewrite a graph in a precision, fp32, fp16 or int8; int8 is calibrated on images uint8 (n, h, w, 3).

    With int8, the matrix products of networks that are trained here compute in fp32 and store their weights as int8.
    """
    if precision == "fp16":
        store_as_fp16(path)
    elif precision == "int8":
        quantise(path, images[:: max(1, len(images) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES], how)
        if how == TRAINED_HERE:
            store_as_int8(path)


def quantise(path: Path, images: NDArray[np.uint8], how: Quantisation = TRAINED_HERE) -> None:
    """Quantise weights and activations to int8, calibrated by the range of activations on images.

    Weights use seven bits (`reduce_range`), because eight would overflow 16-bit sums on processors without VNNI.
    """
    # Without a handler, the first message of ONNX Runtime's quantiser would give the root logger one that prints.
    logging.getLogger().addHandler(logging.NullHandler())
    quantization = import_onnxruntime("quantization")
    prepared = path.with_suffix(".prepared.onnx")
    shapes = import_onnxruntime("quantization.shape_inference")
    shapes.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    try:
        nodes, sizes = _nodes(prepared)
        exact = [node for node in nodes if node.op_type == "Conv"][: how.exact]
        quantization.quantize_static(
            str(prepared),
            str(path),
            _Calibration(images),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            op_types_to_quantize=list(how.operators),
            nodes_to_exclude=[*_last_products(nodes), *(node.name for node in exact)],
            extra_options=_in_eight_bits([node for node in nodes if node not in exact], sizes) if how.exact else None,
        )
    finally:
        prepared.unlink()


def _nodes(path: Path) -> tuple[list[onnx.NodeProto], dict[str, list[int]]]:
    """Return a graph's nodes, and the shapes of its weights by name."""
    graph = onnx.load(path).graph
    return list(graph.node), {tensor.name: list(tensor.dims) for tensor in graph.initializer}


def _last_products(nodes: list[onnx.NodeProto]) -> list[str]:
    """Return the names of the matrix products. They compute in fp32: no later layer compensates for their errors."""
    return [node.name for node in nodes if node.op_type in ("Gemm", "MatMul")]


def _in_eight_bits(nodes: list[onnx.NodeProto], sizes: dict[str, list[int]]) -> dict[str, Any]:
    """Return the option that gives weights of depthwise convolutions eight bits: their sums of products are short."""
    whole = {"quant_type": import_onnxruntime("quantization").QuantType.QInt8, "reduce_range": False, "axis": 0}
    weights = (node.input[1] for node in nodes if node.op_type == "Conv")
    depthwise = (name for name in weights if len(sizes.get(name, ())) == 4 and sizes[name][1] == 1)
    return {"TensorQuantOverrides": {name: [whole] for name in depthwise}}


class _Calibration:
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.batches: Iterator[NDArray[np.uint8]] = iter(np.array_split(images, max(1, len(images) // 32)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch}
