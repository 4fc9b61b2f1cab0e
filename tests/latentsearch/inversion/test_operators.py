"""Every operator of a generator's graph computes what ONNX Runtime computes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from indexer.errors import EncoderError  # noqa: E402
from indexer.system.extras import import_onnxruntime  # noqa: E402
from latentsearch.inversion.onnx_operators import OPERATORS, apply, to_tensor  # noqa: E402

random = np.random.default_rng(0)


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def whole(*numbers):
    return np.array(numbers, np.int64)


PLANES = floats(2, 3, 4, 5)
CASES = [
    ("Add", [floats(2, 3), floats(3)], {}),
    ("BatchNormalization", [PLANES, floats(3), floats(3), floats(3), np.abs(floats(3))], {"epsilon": 1e-3}),
    ("Cast", [random.integers(-9, 9, (2, 3)).astype(np.int8)], {"to": TensorProto.FLOAT}),
    ("Concat", [floats(2, 3), floats(2, 1)], {"axis": 1}),
    ("Constant", [], {"value": numpy_helper.from_array(floats(2, 2))}),
    ("ConstantOfShape", [whole(2, 3)], {"value": numpy_helper.from_array(np.array([0.5], np.float32))}),
    ("ConstantOfShape", [whole(2, 3)], {}),
    ("Conv", [PLANES, floats(4, 3, 3, 3), floats(4)], {"strides": [2, 1], "pads": [1, 1, 1, 1]}),
    ("ConvTranspose", [PLANES, floats(3, 4, 5, 5), floats(4)],
     {"strides": [2, 2], "pads": [2, 2, 2, 2], "output_padding": [1, 1]}),
    ("ConvTranspose", [PLANES, floats(3, 4, 2, 2)], {}),
    ("Div", [floats(2, 3), np.float32(4)], {}),
    ("Expand", [floats(2, 1, 3), whole(4, 1)], {}),
    ("Flatten", [PLANES], {}),
    ("Flatten", [PLANES], {"axis": 2}),
    ("Gather", [PLANES, whole(2, 0)], {"axis": 1}),
    ("Gather", [whole(7, 8, 9), np.array(1, np.int64)], {}),
    ("Gemm", [floats(2, 3), floats(4, 3), floats(4)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", [floats(3, 2), floats(3, 4)], {"transA": 1}),
    ("Identity", [floats(2, 3)], {}),
    ("LeakyRelu", [floats(2, 3)], {"alpha": 0.2}),
    ("MatMul", [floats(2, 3), floats(3, 4)], {}),
    ("Mul", [floats(2, 3), floats(2, 1)], {}),
    ("Pad", [floats(2, 3), whole(0, 4, 0, 1)], {}),
    ("Pad", [PLANES, whole(1, -1), np.float32(2), whole(3)], {}),
    ("Range", [np.int64(1), np.int64(9), np.int64(3)], {}),
    ("Relu", [floats(2, 3)], {}),
    ("Reshape", [PLANES, whole(0, -1)], {}),
    ("Reshape", [PLANES, whole(-1, 10)], {"allowzero": 1}),
    ("Resize", [PLANES, None, np.array([1, 1, 2, 3], np.float32)], {"mode": "nearest"}),
    ("Resize", [PLANES, None, None, whole(2, 3, 8, 9)], {"mode": "linear"}),
    ("Resize", [PLANES, None, None, whole(2, 3, 8, 9)],
     {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),
    ("ScatterND", [floats(4, 3), whole(2, 0).reshape(2, 1), floats(2, 3)], {}),
    ("Shape", [PLANES], {"start": 1, "end": 3}),
    ("Sigmoid", [floats(2, 3)], {}),
    ("Slice", [PLANES, whole(1, 0), whole(-1, 2), whole(3, 1)], {}),
    ("Slice", [PLANES, whole(0), whole(2)], {}),
    ("Squeeze", [floats(2, 1, 3), whole(1)], {}),
    ("Squeeze", [floats(2, 1, 3)], {}),
    ("Sub", [floats(2, 3), floats(2, 3)], {}),
    ("Tanh", [floats(2, 3)], {}),
    ("Tile", [floats(2, 3), whole(2, 1)], {}),
    ("Transpose", [PLANES], {"perm": [0, 2, 3, 1]}),
    ("Unsqueeze", [floats(2, 3), whole(0, 2)], {}),
]  # fmt: skip


def made(operator, inputs, attributes):
    """The node, and its inputs by name."""
    given = {f"input{number}": value for number, value in enumerate(inputs) if value is not None}
    names = [f"input{number}" if value is not None else "" for number, value in enumerate(inputs)]
    return helper.make_node(operator, names, ["output"], **attributes), given


def by_onnx_runtime(node, given, dtype):
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()]
    output = helper.make_tensor_value_info("output", helper.np_dtype_to_tensor_dtype(dtype), None)
    model = helper.make_model(
        helper.make_graph([node], "one", [], [output], tensors),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=9,
    )
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {})[0]


@pytest.mark.parametrize(("operator", "inputs", "attributes"), CASES, ids=[case[0] for case in CASES])
def test_an_operator_computes_what_onnx_runtime_does(operator, inputs, attributes):
    node, given = made(operator, inputs, attributes)
    values = {name: to_tensor(numpy_helper.from_array(np.asarray(value))) for name, value in given.items()}
    result = apply(node, values).numpy()
    expected = by_onnx_runtime(node, given, result.dtype)
    assert result.shape == expected.shape and result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_every_operator_is_tried():
    assert {case[0] for case in CASES} == OPERATORS.keys()


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes", "reason"),
    [
        ("Conv", [PLANES, floats(4, 3, 2, 2)], {"pads": [0, 0, 1, 1]}, "asymmetric padding"),
        ("Pad", [PLANES, whole(0, 0, 1, 1, 0, 0, 1, 1)], {"mode": "reflect"}, "padding mode reflect"),
        ("Resize", [PLANES, None, np.array([1, 1, 2, 2], np.float32)], {"mode": "cubic"}, r"a method \(cubic\)"),
    ],
)
def test_what_is_not_known_is_said(operator, inputs, attributes, reason):
    node, given = made(operator, inputs, attributes)
    with pytest.raises(EncoderError, match=reason):
        apply(node, {name: torch.from_numpy(np.asarray(value)) for name, value in given.items()})
