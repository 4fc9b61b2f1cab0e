"""Shared by many tests: drawn pictures, folders of them, and a tiny encoder bundle that encodes in milliseconds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from indexer.encoders.framing import CELEBA, Framing, template_of

FACE_SIZE = (178, 218)
FRAMED = 64
POOLED = 8
GENERATOR_LATENT = 8
ATTRIBUTES = ("Smiling", "Young", "Eyeglasses")


def draw_picture(seed: int, size: tuple[int, int] = FACE_SIZE) -> Image.Image:
    """Draw a face-like RGB scene; the same seed and (width, height) give the same pixels."""
    random = np.random.default_rng(seed)
    width, height = size

    def colour(low: int, high: int) -> tuple[int, int, int]:
        red, green, blue = (int(value) for value in random.integers(low, high, 3))
        return red, green, blue

    def oval(x: float, y: float, radius_x: float, radius_y: float, fill: tuple[int, int, int]) -> None:
        pen.ellipse(
            [(x - radius_x) * width, (y - radius_y) * height, (x + radius_x) * width, (y + radius_y) * height], fill
        )

    picture = Image.new("RGB", size, colour(0, 256))
    pen = ImageDraw.Draw(picture)
    x, y = random.uniform(0.42, 0.58), random.uniform(0.48, 0.6)
    breadth, length = random.uniform(0.2, 0.3), random.uniform(0.26, 0.36)
    oval(x, y - 0.08, breadth * 1.25, length * 1.15, colour(0, 160))
    oval(x, y, breadth, length, colour(90, 256))
    eyes = colour(0, 120)
    for side in (-1, 1):
        oval(x + side * breadth * 0.45, y - 0.06, 0.04, 0.02, eyes)
    oval(x, y + length * 0.5, random.uniform(0.05, 0.12), random.uniform(0.01, 0.04), colour(60, 200))
    return picture


def make_folder(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Draw `count` JPEG pictures, 000001.jpg and so on; return their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:06}.jpg" for number in range(1, count + 1)]
    for number, path in enumerate(paths):
        draw_picture(seed * 1_000_003 + number).save(path, quality=90)
    return paths


def make_celeba(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Draw a folder in CelebA's layout with its three label files; return the paths of the pictures.

    Picture i, from 0, has ATTRIBUTES[j] if bit j of i is set, partition i % 3 and identity i // 2 + 1.
    """
    paths = make_folder(folder / "img_align_celeba", count, seed)
    rows = [" ".join([path.name, *("1" if i >> j & 1 else "-1" for j in range(3))]) for i, path in enumerate(paths)]
    _write_lines(folder / "list_attr_celeba.txt", [str(count), " ".join(ATTRIBUTES), *rows])
    _write_lines(folder / "list_eval_partition.txt", [f"{path.name} {i % 3}" for i, path in enumerate(paths)])
    _write_lines(folder / "identity_CelebA.txt", [f"{path.name} {i // 2 + 1}" for i, path in enumerate(paths)])
    return paths


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_bundle(
    folder: Path,
    name: str = "tiny",
    distance: str = "cosine",
    seed: int = 0,
    latent_size: int = 16,
    framing: Framing = CELEBA,
    generator: bool = False,
    attributes: bool = False,
    aligned: bool = False,
) -> Path:
    """Write the encoder bundle `folder/name` and return its path.

    The encoder averages 8x8 blocks of the 64x64 picture and projects them with a random matrix to `latent_size`
    numbers; if `distance` is "cosine", codes have length 1. attributes: whether the bundle predicts ATTRIBUTES, which
    are the amounts of red, green and blue. With `generator` as well, the generator reads attributes after a code and
    fills its pictures with these amounts. aligned: whether it counts as learned on CelebA's aligned faces.
    """
    bundle = folder / name
    bundle.mkdir(parents=True, exist_ok=True)
    projection = _projection(seed, latent_size)
    files = {"encoder.onnx": _encoder_graph(projection, distance)}
    if attributes:
        files["attributes.onnx"] = _attribute_graph()
    if generator:
        files["generator.onnx"] = _filling_graph(latent_size) if attributes else _generator_graph(seed)
    for file, content in files.items():
        (bundle / file).write_bytes(content)
    model: dict[str, Any] = {
        "format": 1,
        "name": name,
        "family": "random projection",
        "latent_size": latent_size,
        "framing": framing.to_json(),
        "distance": distance,
        "precision": "fp32",
        "files": {
            file: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for file, content in files.items()
        },
        "trained": {"data": "drawn pictures", "images": 0, "steps": 0, "seconds": 0.0, "seed": seed},
        "scores": {"agreement@1": 0.75, "agreement@20": 0.74},
        "fidelity": {},
        "random_pair_distances": _random_pair_distances(projection, distance),
    }
    if aligned:
        model["template"] = template_of(framing)
    if generator:
        model["generator"] = {"latent_size": GENERATOR_LATENT, "prior": "uniform"}
    if attributes:
        model["attributes"] = {"labels": list(ATTRIBUTES)}
    if generator and attributes:
        model["generator"] = {
            "latent_size": latent_size + len(ATTRIBUTES),
            "prior": "gaussian",
            "labels": {"names": list(ATTRIBUTES), "drawn": ["100", "010", "001", "110"]},
        }
    (bundle / "model.json").write_text(json.dumps(model, indent=2), encoding="utf-8")
    return bundle


def _projection(seed: int, latent_size: int) -> NDArray[np.float32]:
    """(192, latent_size) float32, with columns that ignore a picture's mean brightness."""
    matrix = np.random.default_rng(seed).standard_normal((3 * POOLED * POOLED, latent_size))
    return (matrix - matrix.mean(axis=0)).astype(np.float32)


def _encoder_graph(projection: NDArray[np.float32], distance: str) -> bytes:
    block = FRAMED // POOLED
    nodes = [
        helper.make_node("Cast", ["images"], ["raw"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["raw", "white"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[block, block], strides=[block, block]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["codes" if distance == "euclidean" else "projected"]),
    ]
    if distance == "cosine":
        nodes += [
            helper.make_node("Mul", ["projected", "projected"], ["squares"]),
            helper.make_node("ReduceSum", ["squares", "axis"], ["squared_length"], keepdims=1),
            helper.make_node("Add", ["squared_length", "epsilon"], ["positive"]),
            helper.make_node("Sqrt", ["positive"], ["length"]),
            helper.make_node("Div", ["projected", "length"], ["codes"]),
        ]
    constants = {
        "white": np.float32(255),
        "projection": projection,
        "axis": np.array([1], np.int64),
        "epsilon": np.float32(1e-12),
    }
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", FRAMED, FRAMED, 3])
    codes = helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["n", projection.shape[1]])
    return _serialise(nodes, images, codes, constants)


def _generator_graph(seed: int) -> bytes:
    """Codes -> an 8x8 picture through a random matrix and a sigmoid, enlarged to 64x64."""
    matrix = np.random.default_rng(seed).standard_normal((GENERATOR_LATENT, 3 * POOLED * POOLED)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["codes", "matrix"], ["flat"]),
        helper.make_node("Sigmoid", ["flat"], ["bounded"]),
        helper.make_node("Mul", ["bounded", "white"], ["bright"]),
        helper.make_node("Reshape", ["bright", "shape"], ["planes"]),
        helper.make_node("Resize", ["planes", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Transpose", ["large"], ["pixels"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["pixels"], ["images"], to=TensorProto.UINT8),
    ]
    constants = {
        "matrix": matrix,
        "white": np.float32(255),
        "shape": np.array([-1, 3, POOLED, POOLED], np.int64),
        "scales": np.array([1, 1, FRAMED // POOLED, FRAMED // POOLED], np.float32),
    }
    codes = helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["n", GENERATOR_LATENT])
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", FRAMED, FRAMED, 3])
    return _serialise(nodes, codes, images, constants)


def _attribute_graph() -> bytes:
    """The mean of each channel, 0 to 1."""
    nodes = [
        helper.make_node("Cast", ["images"], ["raw"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["raw", "white"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled"], ["values"], axes=[1, 2], keepdims=0),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", FRAMED, FRAMED, 3])
    values = helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n", len(ATTRIBUTES)])
    return _serialise(nodes, images, values, {"white": np.float32(255)})


def _filling_graph(latent_size: int) -> bytes:
    """The last three numbers of a code, clipped to 0 to 1, as the colour of the whole picture."""
    size = latent_size + len(ATTRIBUTES)
    nodes = [
        helper.make_node("Slice", ["codes", "start", "end", "axis"], ["labels"]),
        helper.make_node("Clip", ["labels", "none", "whole"], ["bounded"]),
        helper.make_node("Mul", ["bounded", "white"], ["bright"]),
        helper.make_node("Unsqueeze", ["bright", "places"], ["one"]),
        helper.make_node("Tile", ["one", "repeats"], ["pixels"]),
        helper.make_node("Cast", ["pixels"], ["images"], to=TensorProto.UINT8),
    ]
    constants = {
        "start": np.array([latent_size], np.int64),
        "end": np.array([size], np.int64),
        "axis": np.array([1], np.int64),
        "none": np.float32(0),
        "whole": np.float32(1),
        "white": np.float32(255),
        "places": np.array([1, 2], np.int64),
        "repeats": np.array([1, FRAMED, FRAMED, 1], np.int64),
    }
    codes = helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["n", size])
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", FRAMED, FRAMED, 3])
    return _serialise(nodes, codes, images, constants)


def _serialise(
    nodes: list[onnx.NodeProto], given: onnx.ValueInfoProto, wanted: onnx.ValueInfoProto, constants: dict[str, Any]
) -> bytes:
    used = {name for node in nodes for name in node.input}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used]
    graph = helper.make_graph(nodes, "tiny", [given], [wanted], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _random_pair_distances(projection: NDArray[np.float32], distance: str) -> list[float]:
    """201 quantiles of the distances between the codes of 48 drawn pictures."""
    pictures = (draw_picture(10_000 + seed, (FRAMED, FRAMED)).reduce(FRAMED // POOLED) for seed in range(48))
    pooled = np.stack([np.asarray(picture, np.float32).transpose(2, 0, 1).ravel() / 255 for picture in pictures])
    codes = pooled @ projection
    if distance == "cosine":
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
        distances = 1 - codes @ codes.T
    else:
        distances = np.linalg.norm(codes[:, None] - codes, axis=2)
    quantiles = np.quantile(distances[np.triu_indices(len(codes), 1)], np.linspace(0, 1, 201))
    return [float(value) for value in quantiles]
