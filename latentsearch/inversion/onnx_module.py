"""A bundle's generator as a PyTorch module: a code can then follow the gradient of its picture.

onnx2torch 1.5.15 has no converter for the operators of opset 20 (Cast is the first that it refuses). A generator's
graph is made of some twenty operators, which PyTorch computes by the same names; so they are applied one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import NodeProto
from torch import Tensor, nn

from indexer.encoders.encoder import DEFAULT_GENERATOR, REPAIR, find_bundle, read_model, read_verified
from indexer.encoders.framing import Framing
from indexer.errors import EncoderError
from latentsearch.inversion.onnx_operators import OPERATORS, apply, to_tensor


class GraphGenerator(nn.Module):
    """generator.onnx: codes float32 (n, latent_size) -> images float32 (n, 3, h, w) in [0, 1], differentiable.

    The graph's last nodes, which round to uint8, are left out. model is the bundle's model.json, of which name,
    latent_size, prior ("uniform", "gaussian" or "none") and framing are attributes here.
    Raises EncoderError for a graph with an operator that is not known here.
    """

    def __init__(self, graph: onnx.GraphProto, model: dict[str, Any]) -> None:
        super().__init__()
        self.name: str = model["name"]
        self.latent_size: int = model["generator"]["latent_size"]
        self.prior: str = model["generator"].get("prior", "uniform")
        self.framing = Framing.from_json(model["framing"])
        self._input = graph.input[0].name
        self._output, unrounded = _before_rounding(graph)
        _check_operators(unrounded)
        constants = {tensor.name: to_tensor(tensor) for tensor in graph.initializer}
        self._steps = []
        for node in unrounded:
            # What depends on no code, such as the weights that are stored as int8, is computed once.
            if all(name in constants for name in node.input if name):
                constants[node.output[0]] = apply(node, constants)
            else:
                self._steps.append(node)
        self._constants = _Constants(constants, {name for node in self._steps for name in node.input})
        self.eval()

    def forward(self, codes: Tensor) -> Tensor:
        """Generate one batch."""
        values = {**self._constants.by_name(), self._input: codes}
        for node in self._steps:
            values[node.output[0]] = apply(node, values)
        return values[self._output].permute(0, 3, 1, 2) / 255


def load_differentiable(name_or_path: str | Path | None = None) -> GraphGenerator:
    """Load a bundle's generator by the bundle's name or folder; None is DEFAULT_GENERATOR.

    Raises EncoderError when there is none, it is damaged, or it has an operator that is not known here.
    """
    folder = find_bundle(name_or_path, DEFAULT_GENERATOR)
    model = read_model(folder)
    if "generator.onnx" not in model["files"] or "generator" not in model:
        raise EncoderError(f"encoder {model['name']} at {folder} has no generator")
    content = read_verified(folder / "generator.onnx", model["files"]["generator.onnx"])
    try:
        return GraphGenerator(onnx.load_from_string(content).graph, model)
    except (EncoderError, MemoryError):
        raise
    except Exception as error:  # protobuf's, onnx's and PyTorch's exceptions have no common base but this
        raise EncoderError(f"{folder / 'generator.onnx'} cannot be computed by PyTorch ({error}): {REPAIR}") from error


class _Constants(nn.Module):
    """The tensors that a graph needs, as buffers, so that they follow the module to another device."""

    def __init__(self, tensors: dict[str, Tensor], needed: set[str]) -> None:
        super().__init__()
        self.names = sorted(needed & tensors.keys())
        for number, name in enumerate(self.names):
            self.register_buffer(f"tensor_{number}", tensors[name], persistent=False)

    def by_name(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.buffers(), strict=True))


def _before_rounding(graph: onnx.GraphProto) -> tuple[str, list[NodeProto]]:
    """The name of the pictures while they are float, 0 to 255, and the nodes without those that round them."""
    output = graph.output[0].name
    producers = {node.output[0]: node for node in graph.node}
    dropped = []
    while producers[output].op_type in ("Cast", "Round", "Clip"):
        dropped.append(output)
        output = producers[output].input[0]
    return output, [node for node in graph.node if node.output[0] not in dropped]


def _check_operators(nodes: list[NodeProto]) -> None:
    unknown = sorted({node.op_type for node in nodes} - OPERATORS.keys())
    if unknown:
        raise EncoderError(
            f"the generator has the operator {', '.join(unknown)}, which cannot be differentiated here: "
            f"known are {', '.join(sorted(OPERATORS))}"
        )
