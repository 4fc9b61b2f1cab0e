"""Build an ONNX graph node by node, and run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.system.extras import import_onnxruntime, require_extra

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession

OPSET, IR_VERSION = 20, 9
# A graph's input: its name, type, and shape without the batch dimension.
Given = tuple[str, type, list[int]]


class Graph:
    """The nodes and constants of a graph under construction; `add` and `constant` return the names of values.

    Raises MissingExtra without the package onnx.
    """

    def __init__(self, prefix: str = "") -> None:
        require_extra("cpu", "onnx")
        import onnx

        self._onnx, self._prefix = onnx, prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._opsets = [onnx.helper.make_opsetid("", OPSET)]

    @classmethod
    def continuing(cls, model: onnx.ModelProto, prefix: str) -> Graph:
        """Start with the nodes of a model; prefix: for the names of added values, to keep them unique."""
        graph = cls(prefix)
        graph.nodes, graph.constants = list(model.graph.node), list(model.graph.initializer)
        graph._opsets = list(model.opset_import)
        return graph

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        """Add a constant tensor."""
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, by default a generated one."""
        output = name or f"{self._prefix}{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def reshape(self, value: str, *shape: int, name: str | None = None) -> str:
        """Add a reshape; the shape includes the batch dimension, usually -1."""
        return self.add("Reshape", value, self.constant(shape, np.int64), name=name)

    def slice(self, value: str, axis: int, begin: int, end: int, step: int = 1) -> str:
        """Add a slice of one axis, from begin to before end; with step -1, from begin down to after end."""
        edges = (self.constant([edge], np.int64) for edge in (begin, end, axis, step))
        return self.add("Slice", value, *edges)

    def unit(self, value: str, name: str | None = None) -> str:
        """Add a normalisation of rows (n, d) to length 1; rows of zeros stay zero."""
        length = self.add("ReduceL2", value, self.constant([1], np.int64), keepdims=1)
        return self.add("Div", value, self.add("Max", length, self.constant(1e-6)), name=name)

    def finish(self, given: Given, wanted: dict[str, list[int]], dtype: type = np.float32) -> bytes:
        """Return the serialised model.

        given: the input. wanted: the outputs' names with their shapes without the batch; dtype: their type.
        """
        helper = self._onnx.helper
        values = [self._described(*given)]
        outputs = [self._described(name, dtype, shape) for name, shape in wanted.items()]
        graph = helper.make_graph(self.nodes, "codes-by-parts", values, outputs, self.constants)
        model = helper.make_model(
            graph, opset_imports=self._opsets, ir_version=IR_VERSION, producer_name="latentsearch"
        )
        self._onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def _described(self, name: str, dtype: type, shape: list[int]) -> onnx.ValueInfoProto:
        helper = self._onnx.helper
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["n", *shape])


def open_graph(content: bytes, threads: int) -> InferenceSession:
    """Open a graph in ONNX Runtime, the same runtime that encodes later."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session: InferenceSession = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session


def run_graph(session: InferenceSession, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Run a graph on images uint8 (n, h, w, 3) and return all outputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": np.ascontiguousarray(images)}), strict=True))
