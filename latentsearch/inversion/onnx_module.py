"""Load a bundle's generator as a PyTorch module, so that gradients can flow from pictures to codes.

onnx2torch 1.5.15 cannot convert opset 20; it fails at Cast. Generators use only about twenty operators, each of which
PyTorch has, so this module applies a graph's nodes one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import NodeProto
from torch import Tensor, nn

from indexer.encoders.encoder import REPAIR, find_bundle, read_model, read_verified
from indexer.encoders.framing import Framing
from indexer.encoders.generator import DEFAULT_GENERATOR
from indexer.errors import EncoderError
from latentsearch.inversion.onnx_operators import OPERATORS, apply, to_tensor


class GraphGenerator(nn.Module):
    """generator.onnx: codes float32 (n, latent_size) -> images float32 (n, 3, h, w) in [0, 1], differentiable.

    The graph's last nodes, which round to uint8, are omitted. model: the bundle's model.json; its name, latent_size,
    prior ("uniform", "gaussian" or "none") and framing become attributes. Raises EncoderError if the graph has an
    unsupported operator.
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
            # Nodes that do not depend on the codes, such as dequantised weights, are computed once.
            if all(name in constants for name in node.input if name):
                constants[node.output[0]] = apply(node, constants)
            else:
                self._steps.append(node)
        self._constants = _Constants(constants, {name for node in self._steps for name in node.input})
        self.eval()

    def forward(self, codes: Tensor) -> Tensor:
        """Generate a batch."""
        values = {**self._constants.by_name(), self._input: codes}
        for node in self._steps:
            values[node.output[0]] = apply(node, values)
        return values[self._output].permute(0, 3, 1, 2) / 255


def load_differentiable(name_or_path: str | Path | None = None) -> GraphGenerator:
    """Load a bundle's generator by the bundle's name or folder; None is DEFAULT_GENERATOR.

    Raises EncoderError if there is no generator, it is damaged, or it has an unsupported operator.
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
    except Exception as error:  # errors of protobuf, onnx and PyTorch have no other common base class
        raise EncoderError(f"{folder / 'generator.onnx'} cannot be computed by PyTorch ({error}): {REPAIR}") from error


class _Constants(nn.Module):
    """A graph's constants as buffers, which move to another device with the module."""

    def __init__(self, tensors: dict[str, Tensor], needed: set[str]) -> None:
        super().__init__()
        self.names = sorted(needed & tensors.keys())
        for number, name in enumerate(self.names):
            self.register_buffer(f"tensor_{number}", tensors[name], persistent=False)

    def by_name(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.buffers(), strict=True))


def _before_rounding(graph: onnx.GraphProto) -> tuple[str, list[NodeProto]]:
    """Return the name of the float pictures (0 to 255) before rounding, and the nodes up to them."""
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
            f"supported are {', '.join(sorted(OPERATORS))}"
        )
