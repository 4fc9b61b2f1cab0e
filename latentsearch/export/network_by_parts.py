"""Export an encoder that reads a layer of a trained network by parts, fitted on the run's pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentsearch.export.bundle_folder import FIT_IMAGES, likeness
from latentsearch.export.stored_weights import store_as_fp16
from latentsearch.parts.boxes import Part, to_json
from latentsearch.parts.fit import Block, Settings, each_code, finish, fit_reading
from latentsearch.parts.network import CHANNEL_PICTURES, LayerMaps, NetworkLayers
from latentsearch.training.datasets.images import Images

logger = logging.getLogger(__name__)

ENCODER = "encoder.onnx"
CHECK_IMAGES = 256
CHECK_GALLERY = 5_000
# The default is the last layer with this many rows and columns: smaller maps have too little spatial information.
FEWEST_ROWS = 8

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class Wish:
    """How to read a network by parts.

    layer: number of the layer to read, from 1; None for the last layer with at least 8x8 cells, or the first if all are
    smaller. latent_size: maximum length of a code.
    """

    parts: tuple[Part, ...]
    layer: int | None = None
    latent_size: int = 128


@dataclass(frozen=True)
class Network:
    """A network to read.

    write: writes the network's graph in full precision to a path. compress: rewrites the graph at a path in another
    precision; int8 is calibrated on the given images. views: number of views per picture: 2 if mirror images share a
    code, else 1.
    """

    write: Callable[[Path], None]
    compress: Callable[[Path, str, NDArray[np.uint8]], None]
    views: int


class ReadByParts:
    """Writes and checks encoder.onnx. `facts`, after `write`, describe the reading for model.json.

    The reading is fitted on the graph in the precision in which it is stored.
    """

    def __init__(self, network: Network, images: Images, wish: Wish) -> None:
        self._network, self._images, self._wish = network, images, wish
        self.facts: dict[str, Any] = {}

    def write(self, staging: Path, precision: str) -> Codes:
        """Write encoder.onnx and return its codes of training images; raises InputError if the layer does not exist."""
        images = self._images.first(FIT_IMAGES)
        with tempfile.TemporaryDirectory() as folder:
            layers, exact, stored = self._cut(Path(folder), precision, images)
            logger.info("reading layer %d by parts on %d training images", layers[0], len(images))
            settings = Settings(self._wish.parts, self._wish.latent_size)
            reading = fit_reading(stored, images, settings, lambda what, done, total: None)
        self.facts = {
            "reading": {"layer": layers[0], "layers": layers[1], "boxes": to_json(self._wish.parts)},
        }
        content = finish(stored, reading)
        self._exact = finish(exact, reading)
        (staging / ENCODER).write_bytes(content)
        if precision != "fp32":
            store_as_fp16(staging / ENCODER)
        content = (staging / ENCODER).read_bytes()
        return np.concatenate([codes for _, codes in each_code(content, images)])

    def _cut(self, folder: Path, precision: str, images: Images) -> tuple[tuple[int, int], LayerMaps, LayerMaps]:
        """Return (the layer's number, the number of layers), its maps in full precision, and its maps as stored."""
        self._network.write(folder / "whole.onnx")
        layers = NetworkLayers(folder / "whole.onnx")
        number = self._wish.layer or layers.last_with(FEWEST_ROWS)
        maps = layers.cut(number, folder / "cut.onnx")
        exact = (folder / "cut.onnx").read_bytes()
        if precision == "int8":
            self._network.compress(folder / "cut.onnx", precision, images.pixels[images.held_out :])
        framed = (images.pixels.shape[1], images.pixels.shape[2], 3)
        some = images.first(CHANNEL_PICTURES)
        stored = LayerMaps((folder / "cut.onnx").read_bytes(), self._network.views, maps, framed, some)
        return (number, len(layers.layers)), stored.of(exact), stored

    def check(self, staging: Path, codes: Codes) -> dict[str, float]:
        """Compare encoder.onnx's codes with those of the same reading in full precision, as `likeness`."""
        content = (staging / ENCODER).read_bytes()
        queries = Block(np.array(self._images.pixels[:CHECK_IMAGES]))
        gallery = self._images.first(min(CHECK_GALLERY, len(codes)))
        mine, theirs = (
            [np.concatenate([some for _, some in each_code(graph, pictures)]) for pictures in (queries, gallery)]
            for graph in (self._exact, content)
        )
        return likeness((mine[0], theirs[0]), (mine[1], theirs[1]))
