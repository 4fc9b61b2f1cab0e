"""Codes from networks: a PyTorch encoder, an untrained one, an encoder bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import Codes
from benchmarks.datasets.celeba import Faces
from benchmarks.datasets.pictures import progress
from benchmarks.methods.label_classes import WITHOUT_LABELS
from indexer.encoders.encoder import Encoder
from indexer.encoders.framing import CELEBA, Framing
from indexer.errors import MissingExtra

if TYPE_CHECKING:
    from torch import nn

ENCODE_BLOCK = 256


class Network:
    """An encoder in PyTorch: images float32 (n, 3, h, w) in [0, 1] -> codes (n, d), compared without normalisation.

    facts: identifies the encoder, as plain data. learned_from: its class in benchmarks.methods.label_classes.
    """

    distance = "euclidean"
    learned_from = WITHOUT_LABELS

    def __init__(
        self, network: nn.Module, latent_size: int, framing: Framing, key: str, name: str, facts: dict[str, Any]
    ) -> None:
        self.network, self.framing, self.facts = network, framing, facts
        self.key, self.name, self.code = key, name, f"{latent_size} numbers"
        self._encoded: dict[str, Codes] = {}

    def fit(self, gallery: Faces) -> None:
        """Does nothing: the network is already trained."""

    def codes(self, faces: Faces) -> Codes:
        """The network's codes: float32 (n, d)."""
        return _remember(self._encoded, faces, lambda: self.encode(faces.pixels(self.framing)))

    def encode(self, pixels: NDArray[np.uint8]) -> Codes:
        """Encode framed pictures uint8 (n, h, w, 3)."""
        torch = import_torch()

        def encode_block(block: NDArray[np.uint8]) -> Codes:
            images = torch.from_numpy(np.array(block)).permute(0, 3, 1, 2).float() / 255
            codes: Codes = self.network(images).numpy()
            return codes

        with torch.no_grad():
            return _in_blocks(encode_block, pixels, self.name)


class Untrained(Network):
    """AEGAN's inverse generator (AEGAN, Table 5) before training, with random weights.

    Its batch normalisation uses the statistics of 1,000 gallery pictures, as a trained network's would.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.key, self.name, self.code = "untrained", "untrained encoder", "100 numbers"
        self.framing, self.facts = CELEBA, {"seed": seed}
        self._encoded = {}
        self._fitted = False

    def fit(self, gallery: Faces) -> None:
        """Draw the weights and estimate the batch statistics. Raises MissingExtra if PyTorch is not installed."""
        if self._fitted:
            return
        torch = import_torch()
        from latentsearch.models.dcgan import InverseGenerator

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network = InverseGenerator()
        for module in self.network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # a plain mean over batches
        self.network.train()
        self.encode(gallery.pixels()[:1_000])
        self.network.eval()
        self._fitted = True


@dataclass
class Bundle:
    """An encoder bundle's codes, compared by its own distance."""

    encoder: Encoder
    key: str
    name: str
    code: str = ""
    distance: str = ""
    _encoded: dict[str, Codes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code = f"{self.encoder.latent_size} numbers, {self.encoder.model.get('precision', 'fp32')}"
        self.distance = self.encoder.distance

    @property
    def facts(self) -> dict[str, Any]:
        """Identifies the encoder: name, family, precision and the graph's sha256."""
        model = self.encoder.model
        return {key: model.get(key) for key in ("name", "family", "precision")} | {"sha256": self.encoder.sha256}

    def fit(self, gallery: Faces) -> None:
        """Does nothing: the bundle is already trained."""

    def codes(self, faces: Faces) -> Codes:
        """The encoder's codes: float32 (n, latent_size)."""
        framing: Framing = self.encoder.framing
        return _remember(
            self._encoded, faces, lambda: _in_blocks(self.encoder.encode, faces.pixels(framing), self.name)
        )


def _remember(encoded: dict[str, Codes], faces: Faces, encode: Callable[[], Codes]) -> Codes:
    if faces.names_sha256 not in encoded:
        encoded[faces.names_sha256] = encode()
    return encoded[faces.names_sha256]


def _in_blocks(encode: Callable[[NDArray[np.uint8]], Codes], pixels: NDArray[np.uint8], title: str) -> Codes:
    blocks = [pixels[start : start + ENCODE_BLOCK] for start in range(0, len(pixels), ENCODE_BLOCK)]
    return np.concatenate([encode(block) for block in progress(blocks, len(blocks), title)])


def import_torch() -> Any:
    """Import torch. Raises MissingExtra if it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("PyTorch is not installed: pip install 'latentsearch[train]'") from error
    return torch
