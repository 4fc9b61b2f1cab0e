"""`latentsearch export FILE.onnx`: any network from a picture to numbers becomes a bundle like any other."""

import hashlib
import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from indexer.decoding.decode import decode  # noqa: E402
from indexer.encoders.encoder import load_encoder  # noqa: E402
from tests.latentsearch.collection import assert_fails, call  # noqa: E402
from tests.support import make_folder  # noqa: E402

CHANNELS, SIDE, PICTURES = 8, 32, 24
WEIGHTS = np.random.default_rng(0).normal(size=(CHANNELS, 3, 3, 3)).astype(np.float32)
FLOAT = TensorProto.FLOAT


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "pictures"
    make_folder(folder, PICTURES)
    return folder


def node(operator, given, made, **attributes):
    return helper.make_node(operator, given.split(), made.split(), **attributes)


CONVOLUTION = (node("Conv", "x w", "maps", strides=[2, 2]), node("Relu", "maps", "active"))
POOLED = (*CONVOLUTION, node("GlobalAveragePool", "active", "pooled"), node("Flatten", "pooled", "y"))


def save(path, nodes=POOLED, outputs=("y",), inputs=None, constants=(), axes=2):
    """Write a network with the input x (n, 3, SIDE, SIDE) and the weights w."""
    inputs = inputs or {"x": (FLOAT, ["n", 3, SIDE, SIDE])}
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info(name, *form) for name, form in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, [None] * (4 if name == "active" else axes)) for name in outputs],
        [numpy_helper.from_array(WEIGHTS, "w"), *constants],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("of.nobody", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def export(network, folder, pictures, *options):
    made = call("export", network, "-o", folder, "--pictures", pictures, *options)
    assert made.exit_code == 0, made.stderr
    return load_encoder(folder)


def framed(pictures, encoder):
    return np.stack([decode(path, encoder.framing) for path in sorted(pictures.iterdir())])


def expected(pixels, mean, scale):
    """The network's maps before pooling, computed with NumPy: (n, CHANNELS, rows, columns)."""
    x = ((pixels - np.float32(mean)) / np.float32(scale)).transpose(0, 3, 1, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2]
    return np.maximum(np.einsum("ncxyij,ocij->noxy", windows, WEIGHTS), 0)


@pytest.mark.parametrize("batch", ["n", 1])
def test_codes_are_the_networks_own_with_the_normalisation_inside(pictures, tmp_path, batch):
    network = save(tmp_path / "net.onnx", inputs={"x": (FLOAT, [batch, 3, SIDE, SIDE])})
    options = ("--mean", "120,110,100", "--scale", "58,57,56", "--distance", "euclidean", "--precision", "fp32")
    encoder = export(network, tmp_path / "own", pictures, *options)
    pixels = framed(pictures, encoder)
    maps = expected(pixels, (120, 110, 100), (58, 57, 56))
    np.testing.assert_allclose(encoder.encode(pixels), maps.mean((2, 3)), rtol=1e-3, atol=1e-4)
    assert encoder.distance == "euclidean" and encoder.latent_size == CHANNELS


def test_any_value_can_be_taken_and_maps_are_averaged(pictures, tmp_path):
    nodes = (*POOLED, node("ReduceSum", "y", "classes"))
    network = save(tmp_path / "net.onnx", nodes, ("classes",))
    options = ("--features", "active", "--distance", "euclidean", "--precision", "fp32")
    encoder = export(network, tmp_path / "maps", pictures, *options)
    pixels = framed(pictures, encoder)
    np.testing.assert_allclose(encoder.encode(pixels), expected(pixels, 0, 255).mean((2, 3)), rtol=1e-3, atol=1e-4)
    assert "averaged over the picture" in (tmp_path / "maps" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_codes_for_cosine_distance_are_centred_reduced_and_like_full_precision(pictures, tmp_path, precision):
    encoder = export(
        save(tmp_path / "net.onnx"), tmp_path / "b", pictures, "--precision", precision, "--latent-size", 4
    )
    codes = encoder.encode(framed(pictures, encoder))
    assert codes.shape == (PICTURES, 4) and encoder.distance == "cosine"
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-4)
    assert encoder.model["fidelity"]["mean_cosine"] > 0.98
    assert encoder.similarity([0.0, 2.0]).tolist() == [1.0, 0.0]


def test_channels_may_come_last_and_the_size_may_be_open(pictures, tmp_path):
    nodes = (node("Transpose", "p", "x", perm=[0, 3, 1, 2]), *POOLED)
    network = save(tmp_path / "net.onnx", nodes, inputs={"p": (FLOAT, ["n", None, None, 3])})
    options = ("--size", "24x16", "--distance", "euclidean", "--precision", "fp32")
    encoder = export(network, tmp_path / "open", pictures, *options)
    assert (encoder.framing.width, encoder.framing.height) == (24, 16)
    pixels = framed(pictures, encoder)
    np.testing.assert_allclose(encoder.encode(pixels), expected(pixels, 0, 255).mean((2, 3)), rtol=1e-3, atol=1e-4)


def test_pictures_are_indexed_and_found_with_it(pictures, tmp_path):
    encoder = export(save(tmp_path / "net.onnx"), tmp_path / "bundle", pictures)
    index = tmp_path / "index"
    assert call("index", pictures, "--index", index, "--encoder", encoder.folder).exit_code == 0
    first = sorted(pictures.iterdir())[0]
    found = json.loads(call("query", first, "--index", index, "--json").stdout)
    assert found["results"][0]["path"] == str(first) and found["results"][0]["distance"] < 1e-3


def test_the_model_card_states_the_source_and_the_licence_goes_with_it(pictures, tmp_path):
    network, licence = save(tmp_path / "net.onnx"), tmp_path / "terms.txt"
    licence.write_text("Do as you like.\n")
    options = ("--licence", licence, "--trained-on", "three drawings, with labels", "--terms", "free", "--name", "mine")
    encoder = export(network, tmp_path / "b", pictures, *options)
    files, card = encoder.model["files"], (encoder.folder / "MODEL_CARD.md").read_text()
    assert (encoder.folder / "LICENSE").read_bytes() == licence.read_bytes()
    assert files["LICENSE"]["sha256"] == hashlib.sha256(licence.read_bytes()).hexdigest()
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    for words in (
        f"`net.onnx`, sha256 {digest}",
        "three drawings, with labels",
        "**Terms:** free",
        "# mine",
        "24 pict",
    ):
        assert words in card
    assert "No label" not in card and "PyTorch" not in card


def looping():
    body = helper.make_graph(
        [node("Identity", "go_in", "go_out"), node("Identity", "held_in", "held_out")],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("held_in", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("held_out", FLOAT, None),
        ],
    )
    turns = numpy_helper.from_array(np.array(2**62), "turns"), numpy_helper.from_array(np.array(True), "go")
    return (*POOLED, node("Loop", "turns go y", "z", body=body)), turns


def kept_elsewhere():
    tensor = numpy_helper.from_array(np.zeros(CHANNELS, np.float32), "b")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return (*POOLED, node("Add", "y b", "z")), (tensor,)


LOOP, ELSEWHERE = looping(), kept_elsewhere()
HUGE = numpy_helper.from_array(np.array([2**20, 2**20]), "huge")
ZERO = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
UNFIT = {
    "two inputs": ({"inputs": {"x": (FLOAT, ["n", 3, 32, 32]), "t": (FLOAT, ["n"])}}, "has 2 inputs ('x', 't')"),
    "two outputs": ({"outputs": ("y", "active")}, "has the outputs 'y', 'active': choose one with --features"),
    "grey": ({"inputs": {"x": (FLOAT, ["n", 1, 32, 32])}}, "takes FLOAT (any, 1, 32, 32), not"),
    "text": ({"inputs": {"x": (TensorProto.STRING, ["n", 3, 32, 32])}}, "takes STRING"),
    "any size": ({"inputs": {"x": (FLOAT, ["n", 3, None, None])}}, "choose one with --size"),
    "three axes": (
        {
            "nodes": (*CONVOLUTION, node("ReduceMean", "active", "z", axes=[2], keepdims=0)),
            "outputs": ("z",),
            "axes": 3,
        },
        "name another value with --features",
    ),
    "batch": (
        {"nodes": (*POOLED, node("ReduceMean", "y", "m", axes=[0]), node("Sub", "y m", "z")), "outputs": ("z",)},
        "another code in a batch than alone",
    ),
    "infinite": (
        {"nodes": (*POOLED, node("Div", "y zero", "z")), "outputs": ("z",), "constants": (ZERO,)},
        "numbers that are not finite",
    ),
    "constant": (
        {"nodes": (*POOLED, node("Mul", "y zero", "z")), "outputs": ("z",), "constants": (ZERO,)},
        "gives all pictures the same code",
    ),
    "unknown operator": (
        {"nodes": (*POOLED, helper.make_node("Guess", ["y"], ["z"], domain="of.nobody")), "outputs": ("z",)},
        "Guess",
    ),
    "invalid": ({"nodes": (node("Relu", "nothing", "y"),)}, "is not a valid ONNX network"),
    "loop": ({"nodes": LOOP[0], "outputs": ("z",), "constants": LOOP[1]}, "has a Loop, which need not end"),
    "weights elsewhere": ({"nodes": ELSEWHERE[0], "outputs": ("z",), "constants": ELSEWHERE[1]}, "in other files"),
    "huge": (
        {"nodes": (*POOLED, node("ConstantOfShape", "huge", "z")), "outputs": ("z",), "constants": (HUGE,)},
        "needs too much memory",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_a_network_that_is_no_encoder_is_refused_in_one_sentence(pictures, tmp_path, case):
    form, sentence = UNFIT[case]
    result = call("export", save(tmp_path / "net.onnx", **form), "-o", tmp_path / "b", "--pictures", pictures)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("latentsearch: ") and sentence in result.stderr.splitlines()[-1]
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256)) * 8, b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_a_file_that_is_no_network_is_refused_in_one_sentence(pictures, tmp_path, content):
    file = tmp_path / "net.onnx"
    file.write_bytes(content)
    assert_fails(call("export", file, "-o", tmp_path / "b", "--pictures", pictures), 2, "is not an ONNX file")


def test_every_cut_of_a_file_is_refused_in_one_sentence(pictures, tmp_path):
    whole = save(tmp_path / "whole.onnx").read_bytes()
    for length in range(1, len(whole), 97):
        file = tmp_path / "net.onnx"
        file.write_bytes(whole[:length])
        assert_fails(call("export", file, "-o", tmp_path / "b", "--pictures", pictures), 2, "net.onnx")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--features", "of nothing"), "computes no value 'of nothing': its outputs are 'y'"),
        (("--size", "64"), "takes pictures of 32x32 pixels: leave --size out"),
        (("--size", "a few"), "'a few' is no size"),
        (("--mean", "grey"), "'grey' is no number"),
        (("--mean", "1,2"), "give one number, or three"),
        (("--scale", "0"), "scale is 0"),
        (("--scale", "nan"), "give one number, or three"),
        (("--read", "parts"), "--read is for training runs"),
        (("--licence", "missing.txt"), "missing.txt cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_sentence(pictures, tmp_path, options, sentence):
    result = call("export", save(tmp_path / "net.onnx"), "-o", tmp_path / "b", "--pictures", pictures, *options)
    assert result.exit_code == 2 and sentence in result.stderr and "Traceback" not in result.stderr


def test_options_for_onnx_files_alone_and_too_few_pictures_are_refused(pictures, tmp_path):
    refused = call("export", "run", "-o", tmp_path / "b", "--mean", 1)
    assert refused.exit_code == 2 and "--mean is for FILE.onnx alone" in refused.stderr
    assert call("export", save(tmp_path / "net.onnx"), "-o", tmp_path / "b").exit_code == 2
    few = tmp_path / "few"
    make_folder(few, 3)
    result = call("export", tmp_path / "net.onnx", "-o", tmp_path / "b", "--pictures", few)
    assert_fails(result, 2, "has 3 pictures that can be used, not 16 or more")
    missing = call("export", tmp_path / "none.onnx", "-o", tmp_path / "b", "--pictures", few)
    assert_fails(missing, 2, "none.onnx cannot be read (No such file or directory)")
