"""The encoder of a bundle that reads a layer of a trained network by parts, fitted on the run's pictures."""

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
# Maps of fewer rows know nothing of where things are.
FEWEST_ROWS = 8

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class Wish:
    """How a network is read. layer: its number, from 1; None for the last of at least 8x8 cells."""

    parts: tuple[Part, ...]
    layer: int | None = None
    latent_size: int = 128


@dataclass(frozen=True)
class Network:
    """write: writes the network's graph in full precision. compress: rewrites one as (path, precision, images) say.

    views: how many it takes of each picture: 2 where the mirror image is the same.
    """

    write: Callable[[Path], None]
    compress: Callable[[Path, str, NDArray[np.uint8]], None]
    views: int


class ReadByParts:
    """Writes encoder.onnx and says what it is; the reading is fitted on the graph as it is stored."""

    def __init__(self, network: Network, images: Images, wish: Wish) -> None:
        self._network, self._images, self._wish = network, images, wish
        self.facts: dict[str, Any] = {}

    def write(self, staging: Path, precision: str) -> Codes:
        """Write encoder.onnx and return its codes of training images. Raises InputError for a layer that is none."""
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
        """(the layer's number, how many there are), its maps in full precision, and as they are stored."""
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
        """How close its codes are to those of the same reading of the network in full precision."""
        content = (staging / ENCODER).read_bytes()
        queries = Block(np.array(self._images.pixels[:CHECK_IMAGES]))
        gallery = self._images.first(min(CHECK_GALLERY, len(codes)))
        mine, theirs = (
            [np.concatenate([some for _, some in each_code(graph, pictures)]) for pictures in (queries, gallery)]
            for graph in (self._exact, content)
        )
        return likeness((mine[0], theirs[0]), (mine[1], theirs[1]))
