"""Maximal marginal relevance: choose results that are close to the query and far from one another.

J. Carbonell and J. Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
Summaries, SIGIR 1998, with distances instead of similarities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.vectors.exact import distances_to


def diverse_order(
    distances: NDArray[np.float32], codes: NDArray[np.float32], k: int, weight: float, distance: str
) -> list[int]:
    """Choose k of n candidates and return their positions in order.

    distances: (n,), from the query. codes: (n, d), of unit length for "cosine". weight: λ, 0 to 1.
    The candidate nearest to the query comes first. Each next one minimises λ d(query) - (1 - λ) d(nearest chosen), so
    that λ = 1 keeps the order by distance.
    """
    chosen = [int(np.argmin(distances))] if len(distances) else []
    from_chosen = np.full(len(distances), np.inf)
    left = np.ones(len(distances), bool)
    while chosen and len(chosen) < min(k, len(distances)):
        left[chosen[-1]] = False
        from_chosen = np.minimum(from_chosen, distances_to(codes[chosen[-1]], codes, distance))
        cost = weight * distances - (1 - weight) * from_chosen
        chosen.append(int(np.argmin(np.where(left, cost, np.inf))))
    return chosen
