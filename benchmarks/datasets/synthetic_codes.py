"""Makes more codes than there are pictures: real codes, each moved at random along the differences to its neighbours.

The ratio of the distance at rank 20 to the distance of a random pair measures how hard codes are to search: it falls as
a collection grows, and the lower it is, the easier approximate search becomes. Copies of real codes with little noise
would make the ratio collapse; isotropic noise would stop it from falling. Each synthetic code is therefore a real code
plus a random combination of the differences to its nearest real codes, which keeps it near the surface on which real
codes lie. The strength of the noise is fitted so that the ratio is never below the line through the ratios of subsets
of real codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.vectors import exact

RANK = 20
# The number of neighbours towards which a code is moved: about the intrinsic dimension implied by how fast the
# ratio falls over subsets of real codes.
DIRECTIONS = 20
LEAST_SUBSET, PAIRS, QUERIES = 1_000, 20_000, 500
# The lowest ratio allowed at each number of codes; see the issue about an engine for millions of pictures.
ASKED = {20_000: 0.80, 1_000_000: 0.69, 10_000_000: 0.62}
NOISES = (1.0, 2.0, 3.0, 3.5, 4.0, 5.0)

Codes = NDArray[np.float32]


class Block(NamedTuple):
    """Synthetic codes, float32 (n, d), and the rows of the real codes that they were made from, int64 (n,)."""

    codes: Codes
    made_from: NDArray[np.int64]


class SyntheticCodes:
    """Draws any number of codes from real ones, float32 (n, d), compared by `distance`, "euclidean" or "cosine".

    noise: 0 reproduces the real codes; 1 moves a code about as far as its neighbours are.
    """

    def __init__(self, real: Codes, distance: str, noise: float) -> None:
        self._real = real
        self._is_cosine = distance == "cosine"
        self.noise = noise
        own = np.arange(len(real))
        nearest = exact.nearest_rows(real, real, own, DIRECTIONS + 1)
        # Column 0 is the code itself, or an equal code; either can be dropped.
        self._neighbours = nearest[:, 1:]

    def blocks(self, count: int, seed: int) -> Iterator[Block]:
        """Yield `count` codes in blocks; every real code is used once, in random order, before any is used again."""
        random = np.random.default_rng(seed)
        for start in range(0, count, len(self._real)):
            order = random.permutation(len(self._real))[: count - start]
            yield Block(self._moved(order, random), order)

    def draw(self, count: int, seed: int) -> Codes:
        """Draw all codes at once: float32 (count, d)."""
        return np.concatenate([block.codes for block in self.blocks(count, seed)])

    def _moved(self, rows: NDArray[np.int64], random: np.random.Generator) -> Codes:
        from scipy.sparse import csr_array

        steps = random.standard_normal((len(rows), self._neighbours.shape[1]), np.float32)
        steps *= self.noise / np.sqrt(steps.shape[1])
        # x + sum of steps * (neighbour - x), as one product of a sparse matrix and the real codes.
        weights = np.column_stack([1 - steps.sum(axis=1), steps])
        positions = np.column_stack([rows, self._neighbours[rows]])
        starts = np.arange(0, positions.size + 1, positions.shape[1])
        mixed = csr_array((weights.ravel(), positions.ravel(), starts), shape=(len(rows), len(self._real))) @ self._real
        return exact.unit(mixed) if self._is_cosine else np.asarray(mixed, np.float32)


def random_pair_distance(codes: Codes, seed: int = 0) -> float:
    """The median Euclidean distance of random pairs of codes (n, d)."""
    first, second = np.random.default_rng(seed).integers(0, len(codes), (2, PAIRS))
    apart = first != second
    return float(np.median(np.linalg.norm(codes[first[apart]] - codes[second[apart]], axis=1)))


def real_curve(codes: Codes, seed: int = 0) -> list[tuple[int, float]]:
    """(count, ratio) for random subsets of real codes (n, d), each twice as large; the queries are in none of them."""
    order = np.random.default_rng(seed).permutation(len(codes))
    queries, rest = codes[order[:QUERIES]], codes[order[QUERIES:]]
    pair = random_pair_distance(codes, seed)
    counts = [len(rest)]
    while counts[-1] // 2 >= LEAST_SUBSET:
        counts.append(counts[-1] // 2)
    return [(count, _at_rank(queries, rest[:count]) / pair) for count in reversed(counts)]


def line_through(curve: list[tuple[int, float]]) -> tuple[float, float]:
    """(slope, intercept) of the least-squares line through the ratios over the logarithm of the count."""
    counts, ratios = np.array(curve).T
    slope, height = np.polyfit(np.log(counts), ratios, 1)
    return float(slope), float(height)


def wanted_ratio(count: int, line: tuple[float, float]) -> float:
    """The ratio that synthetic codes must reach at a count: the lowest allowed, or that of real codes if higher."""
    counts, ratios = np.array(list(ASKED.items())).T
    asked = np.interp(np.log(count), np.log(counts), ratios)
    return float(max(asked, line[0] * np.log(count) + line[1]))


def ratios(source: SyntheticCodes, counts: list[int], seed: int) -> dict[int, float]:
    """The ratio of synthetic codes at each count; memory never holds more than one block."""
    queries = source.draw(QUERIES, seed + 1)
    best = np.full((QUERIES, RANK), np.inf, np.float32)
    reached: dict[int, float] = {}
    pair, seen = 0.0, 0
    for codes, _ in source.blocks(max(counts), seed):
        pair = pair or random_pair_distance(codes, seed)
        for count in (count for count in counts if seen < count <= seen + len(codes)):
            reached[count] = float(np.median(_nearer(queries, codes[: count - seen], best)[:, -1])) / pair
        best = _nearer(queries, codes, best)
        seen += len(codes)
    return reached


def fitted_noise(real: Codes, distance: str, wanted: dict[int, float], seed: int = 0) -> dict[float, dict[int, float]]:
    """The ratios by count for increasing noise, up to the first noise that reaches the wanted ratio at every count."""
    tried: dict[float, dict[int, float]] = {}
    for noise in NOISES:
        tried[noise] = ratios(SyntheticCodes(real, distance, noise), list(wanted), seed)
        if all(tried[noise][count] >= least for count, least in wanted.items()):
            break
    return tried


def _nearer(queries: Codes, codes: Codes, best: NDArray[np.float32]) -> NDArray[np.float32]:
    """The RANK smallest distances of each query, ascending: the best so far merged with those to these codes."""
    faiss = exact.import_faiss()
    squares, _ = faiss.knn(queries, np.ascontiguousarray(codes), min(RANK, len(codes)))
    both = np.concatenate([best, np.sqrt(np.maximum(squares, 0))], axis=1)
    return np.asarray(np.sort(both, axis=1)[:, :RANK])


def _at_rank(queries: Codes, codes: Codes) -> float:
    nothing = np.full((len(queries), RANK), np.inf, np.float32)
    return float(np.median(_nearer(queries, codes, nothing)[:, -1]))
