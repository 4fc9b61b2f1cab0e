"""Maximal marginal relevance: results that are like the query and unlike one another.

J. Carbonell and J. Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
Summaries, SIGIR 1998, with a distance in the place of their similarities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.vectors.exact import distances_to


def diverse_order(
    distances: NDArray[np.float32], codes: NDArray[np.float32], k: int, weight: float, distance: str
) -> list[int]:
    """Which k of n candidates to return, in which order.

    distances: (n,), from the query. codes: (n, d), of length 1 for "cosine". weight: λ; the next is always the one for
    which λ times its distance from the query less (1 - λ) times that from the nearest chosen one is least. The nearest
    comes first; λ = 1 leaves the order by distance.
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
