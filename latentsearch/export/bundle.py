"""Export trained networks as an encoder bundle: graphs from pixels to codes, checked against PyTorch."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from indexer.encoders.encoder import load_encoder
from indexer.encoders.generator import INVERSE, OWN_CODES, load_generator, load_inverse
from indexer.errors import InputError
from latentsearch.export.attribute_graph import check_attributes, describe_labels, write_attribute_graph
from latentsearch.export.bundle_folder import FIT_IMAGES, describe_bundle, likeness, new_bundle
from latentsearch.export.model_card import write_model
from latentsearch.export.network_by_parts import Network, ReadByParts, Wish
from latentsearch.export.onnx_graphs import export_graph
from latentsearch.export.precision import compress
from latentsearch.export.stored_weights import store_as_int8
from latentsearch.models.whitening import whitening
from latentsearch.training.datasets.images import Images
from latentsearch.training.engine.trained import Trained

logger = logging.getLogger(__name__)

ENCODER = "encoder.onnx"
CHECK_IMAGES = 256
CHECK_GALLERY = 5_000
GENERATED = 64
EDGE = 1 / 9  # share of a side that `middle` crops at each edge


def unit(codes: Tensor) -> Tensor:
    """Scale codes (n, d) to length 1."""
    normalised: Tensor = nn.functional.normalize(codes)
    return normalised


class EncoderGraph(nn.Module):
    """Framed pictures uint8 (n, h, w, 3) -> codes float32 (n, d), including scaling and whitening.

    A code is the mean over several views. mirrored: whether the mirror image is a view. closer: whether the picture's
    middle, enlarged to the same size, is a view. The first view is the picture itself.
    """

    def __init__(self, network: nn.Module, mirrored: bool = False, closer: bool = False) -> None:
        super().__init__()
        self.network, self.mirrored, self.closer = network, mirrored, closer
        self.whiten: nn.Linear | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Encode a batch."""
        return self.published(self.of_views(images))

    def of_views(self, images: Tensor) -> Tensor:
        """Compute the network's own codes of each view: float32 (views, n, d)."""
        x = images.permute(0, 3, 1, 2).float() / 255
        views = [x, middle(x)] if self.closer else [x]
        if self.mirrored:
            views += [view.flip(3) for view in views]
        codes: Tensor = self.network(torch.cat(views))
        return codes.view(len(views), -1, codes.shape[1])

    def published(self, codes: Tensor) -> Tensor:
        """Average codes over the views, and whiten them if whitening was fitted."""
        mean = codes.mean(0) if len(codes) > 1 else codes[0]
        return mean if self.whiten is None else unit(self.whiten(mean))

    def fit_whitening(self, codes: NDArray[np.float32], size: int | None = None) -> None:
        """Fit whitening to codes (n, d); from now on, forward centres, whitens and normalises, for cosine distance.

        size: see `whitening`.
        """
        mean, matrix = whitening(codes, size)
        self.whiten = nn.Linear(*matrix.shape)
        self.whiten.weight.data = torch.from_numpy(matrix.T.astype(np.float32)).contiguous()
        self.whiten.bias.data = torch.from_numpy((-mean @ matrix).astype(np.float32))


class InvertingGraph(nn.Module):
    """Framed pictures uint8 (n, h, w, 3) -> codes as EncoderGraph, and the network's own codes z of the pictures."""

    def __init__(self, encoding: EncoderGraph) -> None:
        super().__init__()
        self.encoding = encoding

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch."""
        own = self.encoding.of_views(images)
        return self.encoding.published(own), own[0]


def middle(x: Tensor) -> Tensor:
    """Crop a ninth of the side at each edge of pictures (n, c, s, s), and scale the middle to their size."""
    size = x.shape[-1]
    edge = round(size * EDGE)
    inner = x[:, :, edge : size - edge, edge : size - edge]
    return nn.functional.interpolate(inner, size=(size, size), mode="bilinear", align_corners=False)


class GeneratorGraph(nn.Module):
    """Codes float32 (n, d) -> pictures uint8 (n, h, w, 3)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor) -> Tensor:
        """Generate a batch."""
        pictures: Tensor = self.network(codes)
        return (pictures.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)


def export(
    trained: Trained,
    images: Images,
    folder: Path,
    *,
    name: str,
    precision: str = "fp16",
    distance: str = "cosine",
    read: Wish | None = None,
) -> dict[str, Any]:
    """Write a bundle and return its model.json.

    distance: "euclidean" for the network's own codes, "cosine" for centred, whitened and normalised ones, fitted on
    training images (`published_graph`). read: the layer and parts from which to compute codes instead, also fitted on
    training images. precision: that of the encoder: "fp32", "fp16" (stored as fp16, computed in fp32) or "int8"
    (static, calibrated on training images); with fp16 and int8, the generator's weights are stored as int8. Raises
    InputError if the folder is not empty, if `read` is given with a distance other than cosine, or if its layer does
    not exist.
    """
    if read is not None and distance != "cosine":
        raise InputError("codes by parts are compared by cosine: leave out --distance")
    encoder = Whitened(trained, images, distance) if read is None else ReadByParts(_network(trained), images, read)
    with new_bundle(folder) as staging:
        codes = encoder.write(staging, precision)
        _write_others(trained, images, staging, precision)
        model = _describe(trained, staging, codes, name=name, precision=precision, distance=distance)
        model |= encoder.facts | describe_labels(trained, images)
        write_model(staging, model)
        logger.info("checking them on %d images", CHECK_IMAGES)
        model["fidelity"] = encoder.check(staging, codes)
        if trained.generator is not None:
            model["fidelity"] |= check_generator(trained, staging)
            if read is None:
                model["fidelity"] |= check_inverse(trained, staging, images.pixels[:CHECK_IMAGES])
        model["fidelity"] |= check_attributes(trained, staging, images.pixels[:CHECK_IMAGES])
        write_model(staging, model)
    return model


class Whitened:
    """Writes and checks an encoder of the network's codes: whitened for cosine distance, unchanged for Euclidean."""

    facts: dict[str, Any] = {}  # noqa: RUF012 - nothing to add to model.json

    def __init__(self, trained: Trained, images: Images, distance: str) -> None:
        self.trained, self.images, self.distance = trained, images, distance
        self.graph = published_graph(trained) if distance == "cosine" else EncoderGraph(trained.encoder).eval()

    def write(self, staging: Path, precision: str) -> NDArray[np.float32]:
        """Write encoder.onnx and return PyTorch's codes of training images."""
        training = self.images.pixels[self.images.held_out :][:FIT_IMAGES]
        logger.info("encoding %d training images", len(training))
        codes = encode(self.graph, training)
        if self.distance == "cosine":
            self.graph.fit_whitening(codes, self.trained.latent_size)
            codes = encode_whitened(self.graph, codes)
        logger.info("writing the graphs as %s", precision)
        self._export(staging, precision, training)
        return codes

    def _export(self, staging: Path, precision: str, training: NDArray[np.uint8]) -> None:
        """Write encoder.onnx, with z as its second output if the generator takes the network's own codes.

        If other features replace these codes, z has a graph of its own: ONNX Runtime computes all outputs of a graph,
        even those that were not requested, and z must not slow down encoding.
        """
        example, generator = _example(self.trained), self.trained.generator
        if generator is None or self.trained.features is not None:
            export_graph(self.graph, example, staging / ENCODER, "images", "codes")
        else:
            export_graph(InvertingGraph(self.graph).eval(), example, staging / ENCODER, "images", "codes", OWN_CODES)
        compress(staging / ENCODER, precision, training)
        if generator is not None and self.trained.features is not None:
            export_graph(EncoderGraph(self.trained.encoder).eval(), example, staging / INVERSE, "images", OWN_CODES)
            compress(staging / INVERSE, precision, training)

    def check(self, staging: Path, codes: NDArray[np.float32]) -> dict[str, float]:
        """Compare the bundle's codes with PyTorch's, as `likeness`."""
        return check(self.graph, staging, self.images, codes[:CHECK_GALLERY])


def _network(trained: Trained) -> Network:
    """Return the network to read by parts, with the picture and, except for digits, its mirror image as views."""
    mirrored = trained.facts.get("recipe", {}).get("data") != "digits"

    def write(path: Path) -> None:
        graph = EncoderGraph(trained.features or trained.encoder, mirrored).eval()
        export_graph(graph, _example(trained), path, "images", "codes")

    return Network(write, compress, 2 if mirrored else 1)


def _example(trained: Trained) -> Tensor:
    return torch.zeros((2, trained.framing.height, trained.framing.width, 3), dtype=torch.uint8)


def published_graph(trained: Trained) -> EncoderGraph:
    """Return the graph to which whitening for cosine distance is fitted.

    It computes the family's features if there are any, else its codes, averaged over the views that the family's
    invariance allows.
    """
    alike = trained.invariance
    mirrored, closer = (False, False) if alike is None else (alike.mirrors, alike.zooms)
    return EncoderGraph(trained.features or trained.encoder, mirrored, closer).eval()


@torch.no_grad()
def encode(graph: EncoderGraph, pixels: NDArray[np.uint8], batch: int = 128) -> NDArray[np.float32]:
    """Encode pictures uint8 (n, h, w, 3) with PyTorch: float32 (n, d)."""
    parts = [graph(torch.from_numpy(np.array(pixels[start : start + batch]))) for start in range(0, len(pixels), batch)]
    return torch.cat(parts).numpy()


@torch.no_grad()
def encode_whitened(graph: EncoderGraph, codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whiten and normalise the network's own codes (n, d) with the graph's whitening."""
    assert graph.whiten is not None
    return unit(graph.whiten(torch.from_numpy(codes))).numpy()


def check(graph: EncoderGraph, bundle: Path, images: Images, gallery: NDArray[np.float32]) -> dict[str, float]:
    """Compare the bundle's codes with PyTorch's on the first images, which are held-out ones if there are any.

    gallery: PyTorch's codes of the first training images. Returns the result of `likeness`.
    """
    queries = images.pixels[:CHECK_IMAGES]
    training = images.pixels[images.held_out :][: len(gallery)]
    encoder = load_encoder(bundle)
    by_torch, by_bundle = encode(graph, queries), encoder.encode(np.array(queries))
    return likeness((by_torch, by_bundle), (gallery, encoder.encode(np.array(training))))


@torch.no_grad()
def check_generator(trained: Trained, bundle: Path) -> dict[str, float]:
    """Return the mean absolute difference between the bundle's and PyTorch's pictures, on a scale of 0 to 255."""
    assert trained.generator is not None
    shape = (GENERATED, trained.latent_size + len(trained.labels))
    codes = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    expected = GeneratorGraph(trained.generator).eval()(torch.from_numpy(codes)).numpy().astype(np.float32)
    difference = np.abs(load_generator(bundle).generate(codes) - expected)
    return {"generator_mean_difference": round(float(difference.mean()), 4)}


@torch.no_grad()
def check_inverse(trained: Trained, bundle: Path, pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Return the mean absolute difference between the bundle's and PyTorch's codes z of pictures uint8 (n, h, w, 3)."""
    expected = encode(EncoderGraph(trained.encoder).eval(), pixels)
    difference = np.abs(load_inverse(bundle).invert(np.array(pixels)) - expected)
    return {"inverse_mean_difference": round(float(difference.mean()), 4)}


def _write_others(trained: Trained, images: Images, folder: Path, precision: str) -> None:
    """Write the attribute encoder and the generator if the family has them."""
    write_attribute_graph(trained, images.pixels[images.held_out :][:FIT_IMAGES], folder, precision)
    if trained.generator is not None:
        generator = GeneratorGraph(trained.generator).eval()
        size = trained.latent_size + len(trained.labels)
        export_graph(generator, torch.zeros(2, size), folder / "generator.onnx", "codes", "images")
        if precision != "fp32":
            # Generated pictures are only viewed, and the change from int8 weights is invisible.
            store_as_int8(folder / "generator.onnx")


def _describe(
    trained: Trained, folder: Path, codes: NDArray[np.float32], *, name: str, precision: str, distance: str
) -> dict[str, Any]:
    model = describe_bundle(
        folder,
        codes,
        name=name,
        family=trained.family,
        framing=trained.framing,
        distance=distance,
        precision=precision,
        trained=trained.facts,
    )
    if trained.generator is not None:
        model["generator"] = {"latent_size": trained.latent_size, "prior": trained.prior}
    return model
