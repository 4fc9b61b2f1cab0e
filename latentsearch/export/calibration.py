"""The distribution of distances between training pictures, which converts an encoder's distances to similarities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RANDOM_PAIRS = 200_000
QUANTILES = 201
# Search results fall below the first quantile above 0, 0.005, so `closest_pairs` describes that tail separately. It
# starts at ten pairs, because the closest pairs may be duplicates of the same picture.
CLOSEST_SHARE = 1 / (QUANTILES - 1)
FEWEST_PAIRS = 10
STEPS = 48
ROWS_AT_ONCE = 1_000


def random_pair_distances(codes: NDArray[np.float32], distance: str, seed: int = 0) -> list[float]:
    """Return the quantiles (0, 0.005, ..., 1) of the distance between random pairs of codes (n, d)."""
    first, second = np.random.default_rng(seed).integers(0, len(codes), (2, RANDOM_PAIRS))
    different = first != second
    a, b = codes[first[different]], codes[second[different]]
    distances = 1 - np.einsum("nd,nd->n", a, b) if distance == "cosine" else np.linalg.norm(a - b, axis=1)
    quantiles = np.quantile(distances.astype(np.float64), np.linspace(0, 1, QUANTILES))
    return [round(float(value), 6) for value in np.maximum.accumulate(np.maximum(quantiles, 0))]


def closest_pairs(codes: NDArray[np.float32], distance: str, quantiles: list[float]) -> list[list[float]]:
    """Return the lower tail of the distance's distribution over all pairs of codes (n, d).

    Each row has a share of the pairs and their greatest distance. Both increase; the shares are spaced geometrically up
    to 0.005. quantiles: from `random_pair_distances`. Few codes yield few rows or none.
    """
    pairs = len(codes) * (len(codes) - 1) // 2
    close = np.sort(_distances_below(codes, distance, quantiles[1]))
    most = min(len(close), int(CLOSEST_SHARE * pairs))
    if most < FEWEST_PAIRS:
        return []
    ranks = np.unique(np.geomspace(FEWEST_PAIRS, most, STEPS).round().astype(int))
    return [[float(f"{rank / pairs:.4g}"), round(float(max(close[rank - 1], 0)), 6)] for rank in ranks]


def _distances_below(codes: NDArray[np.float32], distance: str, limit: float) -> NDArray[np.float32]:
    """Return the distances of all pairs that are closer than a limit."""
    squares = np.einsum("nd,nd->n", codes, codes)
    found = []
    for start in range(0, len(codes), ROWS_AT_ONCE):
        rows = codes[start : start + ROWS_AT_ONCE]
        products = rows @ codes[start:].T
        if distance == "cosine":
            distances = 1 - products
        else:
            distances = np.sqrt(
                np.maximum(squares[start : start + len(rows), None] + squares[start:] - 2 * products, 0)
            )
        above_diagonal = np.arange(distances.shape[1]) > np.arange(len(rows))[:, None]
        found.append(distances[above_diagonal & (distances < limit)])
    return np.concatenate(found)
