"""The best layer of an encoder's network, read by parts: what the network adds to hand-made features."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.core import metrics
from benchmarks.core.exact_search import Codes, nearest
from benchmarks.datasets.celeba import Faces
from indexer.encoders.encoder import Encoder
from latentsearch.parts.boxes import FACES, NAMED
from latentsearch.parts.fit import Settings, each_code, finish, fit_reading
from latentsearch.parts.network import CHANNEL_PICTURES, LayerMaps, NetworkLayers, with_mirrored
from latentsearch.training.datasets.images import BLOCK

# The layer is chosen by agreement at K of this number of gallery faces, each searched among all other gallery faces.
CHOSEN_BY, K = 1_000, 20
# Feature maps with fewer rows have too little spatial resolution to be read by parts.
FEWEST_ROWS = 4


@dataclass(frozen=True)
class Framed:
    """Framed pictures in the form that latentsearch.parts.fit takes."""

    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pixels)

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the pictures in blocks, read from the memory map."""
        for start in range(0, len(self.pixels), BLOCK):
            yield np.array(self.pixels[start : start + BLOCK])


@dataclass
class LayerByParts:
    """A bundle's network up to the layer that works best by parts, with the parts fitted on the gallery.

    The best layer is chosen on gallery faces only.
    """

    encoder: Encoder
    key: str
    name: str
    code: str = "128 numbers"
    distance: str = "cosine"
    facts: dict[str, Any] = field(default_factory=dict)
    _content: bytes = b""

    def fit(self, gallery: Faces) -> None:
        """Fit every layer by parts, and keep the best."""
        if self._content:
            return
        pixels = Framed(gallery.pixels(self.encoder.framing))
        with tempfile.TemporaryDirectory() as folder:
            layers = NetworkLayers(self.encoder.folder / "encoder.onnx")
            fitted = {}
            for number, (_, shape) in enumerate(layers.layers, 1):
                if min(shape[2:]) >= FEWEST_ROWS:
                    content = self._read(layers, number, pixels, Path(folder))
                    fitted[number] = (_agreement(content, gallery, pixels), content)
                    click.echo(f"{self.key}, layer {number}: {fitted[number][0]:.4f} of the gallery", err=True)
        best = max(fitted, key=lambda number: fitted[number][0])
        self._content = fitted[best][1]
        self.name += f", layer {best} of {len(layers.layers)} by parts"
        self.facts |= {"layer": best, "by_layer": {str(number): round(one[0], 5) for number, one in fitted.items()}}

    def _read(self, layers: NetworkLayers, number: int, pixels: Framed, folder: Path) -> bytes:
        maps = layers.cut(number, folder / "cut.onnx")
        content = (folder / "cut.onnx").read_bytes()
        views, used = layers.views(content, pixels.pixels[:2])
        if views == 1:
            content, views, used = with_mirrored(content), 2, (0, 1)
        some = Framed(pixels.pixels[:CHANNEL_PICTURES])
        read = LayerMaps(content, views, maps, (*pixels.pixels.shape[1:3], 3), some, used)
        return finish(read, fit_reading(read, pixels, Settings(NAMED[FACES]), lambda what, done, total: None))

    def codes(self, faces: Faces) -> Codes:
        """Codes of the best layer."""
        return _codes(self._content, Framed(faces.pixels(self.encoder.framing)))


def _codes(content: bytes, pixels: Framed) -> Codes:
    return np.concatenate([codes for _, codes in each_code(content, pixels)])


def _agreement(content: bytes, gallery: Faces, pixels: Framed) -> float:
    """Agreement at K of CHOSEN_BY random gallery faces with the other gallery faces."""
    codes = _codes(content, pixels)
    rows = np.sort(np.random.default_rng(0).permutation(len(codes))[:CHOSEN_BY])
    found = nearest(codes[rows], codes, min(K + 1, len(codes)), "cosine")
    others = np.stack([row[row != own][:K] for row, own in zip(found, rows, strict=True)])
    return float(metrics.agreeing(gallery.attributes[rows], gallery.attributes, others).mean())
