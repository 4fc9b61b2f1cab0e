"""Adds the generator's own codes to a bundle of AEGAN that was exported before bundles had them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from indexer.encoders.encoder import find_bundle, read_model
from indexer.encoders.generator import ENCODER, OWN_CODES


def with_own_codes(bundle: str, folder: Path) -> str:
    """Copy a bundle to `folder` with the output of its last Tanh, AEGAN's z, as a second output; return the folder.

    A bundle that has z, or no Tanh, is copied unchanged.
    """
    import onnx

    shutil.copytree(find_bundle(bundle), folder)
    path = folder / ENCODER
    graph = onnx.load(path)
    has_z = any(output.name == OWN_CODES for output in graph.graph.output)
    last = [] if has_z else [node for node in graph.graph.node if node.op_type == "Tanh"][-1:]
    for node in last:
        graph.graph.node.append(onnx.helper.make_node("Identity", [node.output[0]], [OWN_CODES]))
        size = read_model(folder)["generator"]["latent_size"]
        graph.graph.output.append(onnx.helper.make_tensor_value_info(OWN_CODES, onnx.TensorProto.FLOAT, ["n", size]))
    onnx.save(graph, path)
    model = read_model(folder)
    model["files"][ENCODER] |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    (folder / "model.json").write_text(json.dumps(model), encoding="utf-8")
    return str(folder)
