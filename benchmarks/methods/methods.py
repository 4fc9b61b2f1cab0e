"""The contract of a method, and the methods that need no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.core.exact_search import Codes, unit
from benchmarks.datasets.celeba import Faces
from benchmarks.methods.encoders import Untrained
from latentsearch.models.whitening import PrincipalAxes

THUMBNAIL = 16
COMPONENTS = 100
LEAST_VARIANCE = 1e-9


class Method(Protocol):
    """One row of a table.

    key: a word for files and options; name: for people; code: describes the code; distance: a key of
    benchmarks.core.exact_search.DISTANCES.
    """

    key: str
    name: str
    code: str
    distance: str

    def fit(self, gallery: Faces) -> None:
        """Learn from the gallery's pictures. Raises MissingExtra if a library is not installed."""

    def codes(self, faces: Faces) -> Codes:
        """The codes of the faces: (n, d)."""


@dataclass
class Random:
    """Chance level: as many random bits as a hash has."""

    seed: int
    key: str = "random"
    name: str = "random"
    code: str = "64 random bits"
    distance: str = "hamming"

    def fit(self, gallery: Faces) -> None:
        """Seed the random generator."""
        self._random = np.random.default_rng([self.seed, 0])

    def codes(self, faces: Faces) -> Codes:
        """Draw random bits."""
        return self._random.integers(0, 2, (len(faces), 64), dtype=np.uint8)


@dataclass
class Oracle:
    """The labels themselves: the upper bound of agreement."""

    key: str = "oracle"
    name: str = "oracle"
    code: str = "the attribute vector"
    distance: str = "hamming"

    def fit(self, gallery: Faces) -> None:
        """Does nothing."""

    def codes(self, faces: Faces) -> Codes:
        """The attributes."""
        return faces.attributes


@dataclass
class Feature:
    """A classical feature of the full picture: one field of benchmarks.datasets.pictures.FEATURES."""

    key: str
    name: str
    code: str
    distance: str = "hamming"

    def fit(self, gallery: Faces) -> None:
        """Does nothing."""

    def codes(self, faces: Faces) -> Codes:
        """This field of the faces' features."""
        return np.asarray(faces.features()[self.key])


@dataclass
class Pixels:
    """The framed picture itself, 64x64, or block averages at a smaller side."""

    key: str = "pixels"
    name: str = "64x64 pixels"
    code: str = "64x64x3"
    distance: str = "euclidean"
    side: int = 64

    def fit(self, gallery: Faces) -> None:
        """Does nothing."""

    def codes(self, faces: Faces) -> Codes:
        """The flattened pixels: uint8 at full size, otherwise float32 in [0, 1]."""
        pixels = faces.pixels()
        block = pixels.shape[1] // self.side
        if block == 1:
            return pixels.reshape(len(pixels), -1)
        # One strided sum per offset: numpy's mean over two axes takes ten times as long on blocks this small.
        total = np.zeros((len(pixels), self.side, self.side, 3), np.float32)
        for row, column in np.ndindex(block, block):
            total += pixels[:, row::block, column::block]
        total /= 255 * block * block
        return total.reshape(len(pixels), -1)


@dataclass
class Projected:
    """Another method's codes, centred and projected on the first `components` principal axes, optionally whitened."""

    inner: Method
    key: str
    name: str
    code: str
    distance: str
    components: int | None = None
    whiten: bool = True

    def fit(self, gallery: Faces) -> None:
        """Fit the mean and the axes on the gallery's codes."""
        self.inner.fit(gallery)
        codes = self.inner.codes(gallery)
        self._mean = codes.mean(axis=0, dtype=np.float64)
        principal = PrincipalAxes.of(np.cov(codes, rowvar=False, dtype=np.float64))
        axes = principal.whitening(least=LEAST_VARIANCE) if self.whiten else principal.axes
        self._axes = axes[:, ::-1][:, : self.components]

    def codes(self, faces: Faces) -> Codes:
        """The projected codes: float32 (n, components)."""
        projected = ((self.inner.codes(faces) - self._mean) @ self._axes).astype(np.float32)
        return unit(projected) if self.distance == "cosine" else projected


def baselines(seed: int) -> list[Method]:
    """Every method that needs no training, in table order."""
    thumbnail = Pixels("thumbnail", "16x16 pixels", "16x16x3", side=THUMBNAIL)
    untrained = Untrained(seed)
    pca = "PCA of 16x16 pixels"
    numbers = f"{COMPONENTS} numbers"
    return [
        Random(seed),
        Oracle(),
        Feature("dhash", "dHash", "64 bits"),
        Feature("phash", "pHash", "64 bits"),
        Feature("ahash", "aHash", "64 bits"),
        Feature("whash", "wHash", "64 bits"),
        Feature("colours", "colour histogram", "8x8x8 RGB", "hellinger"),
        Pixels(),
        Projected(thumbnail, "pca", pca, numbers, "euclidean", COMPONENTS, whiten=False),
        Projected(thumbnail, "pca-whitened", f"{pca}, whitened", numbers, "euclidean", COMPONENTS),
        Projected(thumbnail, "pca-cosine", f"{pca}, whitened", numbers, "cosine", COMPONENTS),
        untrained,
        whitened(untrained, "untrained encoder, centred and whitened"),
    ]


def whitened(inner: Method, name: str) -> Projected:
    """A method's codes, centred and whitened on the gallery, compared by cosine."""
    return Projected(inner, f"{inner.key}-whitened", name, inner.code, "cosine")
