"""A linear generator, fitted by least squares from codes to small pictures, which shows the information in codes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from latentsearch.parts.graph import Graph

SIDE = 64
# Ridge as a share of the codes' mean square: without it, a fit to few pictures would be underdetermined.
RIDGE = 1e-4

Pixels = NDArray[np.uint8]


class LinearGenerator:
    """Generates pictures in [0, 1] as (code, 1) @ matrix; matrix: (d + 1, 3 s s), its last row the intercept."""

    def __init__(self, matrix: NDArray[np.float32], side: int) -> None:
        self.matrix, self.side = matrix, side

    def __call__(self, codes: NDArray[np.float32]) -> Pixels:
        """Generate pictures uint8 (n, s, s, 3) from codes float32 (n, d)."""
        pictures = np.clip(codes @ self.matrix[:-1] + self.matrix[-1], 0, 1)
        drawn: Pixels = np.rint(pictures * 255).astype(np.uint8)
        return drawn.reshape(-1, self.side, self.side, 3)

    def to_onnx(self) -> bytes:
        """Return the generator as a serialised ONNX graph: `codes` -> `images`, uint8."""
        graph = Graph()
        product = graph.add("MatMul", "codes", graph.constant(self.matrix[:-1] * 255))
        shades = graph.add("Add", product, graph.constant(self.matrix[-1] * 255))
        bounded = graph.add("Clip", shades, graph.constant(0), graph.constant(255))
        flat = graph.add("Cast", graph.add("Round", bounded), to=2)
        graph.reshape(flat, -1, self.side, self.side, 3, name="images")
        codes, shape = len(self.matrix) - 1, [self.side, self.side, 3]
        return graph.finish(("codes", np.float32, [codes]), {"images": shape}, np.uint8)


def fit_generator(blocks: Iterable[tuple[Pixels, NDArray[np.float32]]], side: int) -> LinearGenerator:
    """Fit a generator to blocks of pictures uint8 (n, s, s, 3) with their codes float32 (n, d).

    side: of the generated pictures, a divisor of s.
    """
    products: NDArray[np.float64] | None = None
    for pixels, codes in blocks:
        inputs = np.hstack([codes, np.ones((len(codes), 1), np.float32)])
        targets = _shrunk(pixels, side).reshape(len(pixels), -1)
        if products is None:
            products = np.zeros((inputs.shape[1], inputs.shape[1]))
            wanted = np.zeros((inputs.shape[1], targets.shape[1]))
        products += inputs.T @ inputs
        wanted += inputs.T @ targets
    assert products is not None
    ridge = np.diag(np.append(np.full(len(products) - 1, RIDGE * products[-1, -1] / len(products)), 0.0))
    return LinearGenerator(np.linalg.solve(products + ridge, wanted).astype(np.float32), side)


def _shrunk(pixels: Pixels, side: int) -> NDArray[np.float32]:
    """Downscale pictures to this side by area means, in [0, 1]."""
    step = pixels.shape[1] // side
    means = pixels.reshape(len(pixels), side, step, side, step, 3).mean((2, 4), dtype=np.float32)
    return np.asarray(means / np.float32(255), np.float32)
