"""A head on an encoder's codes, trained with labels so that faces with similar labels, or of one person, come close.

Within a batch, the softmax over a face's cosines to the other faces is trained towards the softmax over their label
similarity: supervised contrastive learning (Khosla et al., 2020), with soft targets for attributes. Its gain comes from
the gallery's labels, so its rows stand apart from codes that were learned without labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.exact_search import Codes
from benchmarks.datasets.celeba import Faces
from benchmarks.methods.encoders import Bundle, import_torch
from benchmarks.methods.label_classes import WITH_LABELS
from indexer.encoders.encoder import Encoder, load_encoder

WIDTH, SIZE = 512, 100
STEPS, BATCH, RATE, DECAY, DROPOUT = 1_500, 512, 1e-3, 1e-2, 0.2
TEMPERATURE = 0.1
# The temperature of the softmax over the shares of common attributes.
LABEL_TEMPERATURE = 0.03
ATTRIBUTES, IDENTITIES = "attributes", "identities"


class MetricHead:
    """An encoder's codes after a head trained on the gallery's attributes or identities."""

    learned_from = WITH_LABELS
    distance = "cosine"

    def __init__(self, labels: str, seed: int, encoder: Encoder | None = None) -> None:
        self._labels, self._seed, self._encoder = labels, seed, encoder
        self.key, self.code = f"head-{labels}", f"{SIZE} numbers"
        self.name = f"metric-learning head, learned from {labels}"
        self._head: Any = None

    def fit(self, gallery: Faces) -> None:
        """Train the head on the gallery's codes and labels. Raises MissingExtra if PyTorch is not installed."""
        torch = import_torch()
        encoder = self._encoder or load_encoder()
        self._bundle = Bundle(encoder, encoder.name, encoder.name)
        self.name = f"head on {encoder.name}, learned from {self._labels}"
        codes = torch.from_numpy(self._bundle.codes(gallery))
        random = np.random.default_rng([self._seed, 2])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            self._head = _head(torch, codes.shape[1])
            optimiser = torch.optim.AdamW(self._head.parameters(), RATE, weight_decay=DECAY)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS)
            for _ in range(STEPS):
                rows = self._batch(gallery, random)
                targets = torch.from_numpy(self._targets(gallery, rows))
                optimiser.zero_grad()
                _loss(torch, self._head(codes[rows]), targets).backward()
                optimiser.step()
                schedule.step()
        self._head.eval()

    def codes(self, faces: Faces) -> Codes:
        """The head's codes: float32 (n, SIZE)."""
        torch = import_torch()
        with torch.no_grad():
            codes: Codes = self._head(torch.from_numpy(self._bundle.codes(faces))).numpy()
        return codes

    def _batch(self, gallery: Faces, random: np.random.Generator) -> NDArray[np.int64]:
        """Random faces; when learning from identities, all pictures of random people."""
        if self._labels == ATTRIBUTES:
            return random.choice(len(gallery), min(BATCH, len(gallery)), replace=False)
        people, counts = np.unique(gallery.identity, return_counts=True)
        chosen = random.choice(people, min(max(2, int(BATCH / counts.mean())), len(people)), replace=False)
        return np.flatnonzero(np.isin(gallery.identity, chosen))

    def _targets(self, gallery: Faces, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Each face's similarity to the others of a batch, normalised: float32 (n, n), rows that sum to 1 or 0."""
        if self._labels == ATTRIBUTES:
            signs = 2 * gallery.attributes[rows].astype(np.float32) - 1
            alike = np.exp(signs @ signs.T / (2 * signs.shape[1] * LABEL_TEMPERATURE))
        else:
            alike = (gallery.identity[rows][:, None] == gallery.identity[rows]).astype(np.float32)
        np.fill_diagonal(alike, 0)
        return np.asarray(alike / np.maximum(alike.sum(axis=1, keepdims=True), 1e-12), np.float32)


def _head(torch: Any, size: int) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(size, WIDTH), nn.BatchNorm1d(WIDTH), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, SIZE)
    )


def _loss(torch: Any, codes: Any, targets: Any) -> Any:
    codes = torch.nn.functional.normalize(codes)
    cosines = (codes @ codes.T / TEMPERATURE).masked_fill(torch.eye(len(codes), dtype=torch.bool), -1e9)
    return -(targets * torch.log_softmax(cosines, dim=1)).sum(dim=1).mean()
