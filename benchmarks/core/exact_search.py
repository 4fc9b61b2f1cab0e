"""Exact search: compares every query with every code, in blocks. Approximate search is measured against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUERY_BLOCK, GALLERY_BLOCK = 1_000, 2_000

Codes = NDArray[Any]
Distances = NDArray[np.float32]


def nearest(queries: Codes, gallery: Codes, k: int, distance: str, exclude_self: bool = False) -> NDArray[np.int64]:
    """The k nearest gallery rows (n, d) to each query (q, d): int64 (q, k), nearest first.

    distance: a key of DISTANCES. Ties are broken by the earlier row.
    exclude_self: queries and gallery are the same array, and no row is its own result.
    """
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), QUERY_BLOCK):
        distances = distance_matrix(queries[start : start + QUERY_BLOCK], gallery, distance)
        if exclude_self:
            rows = np.arange(len(distances))
            distances[rows, start + rows] = np.inf
        found[start : start + QUERY_BLOCK] = smallest(distances, k)
    return found


def distance_matrix(queries: Codes, gallery: Codes, distance: str) -> Distances:
    """Distances from every query (q, d) to every gallery code (n, d): float32 (q, n)."""
    metric = DISTANCES[distance]
    distances = np.empty((len(queries), len(gallery)), np.float32)
    for start in range(0, len(gallery), GALLERY_BLOCK):
        distances[:, start : start + GALLERY_BLOCK] = metric(queries, gallery[start : start + GALLERY_BLOCK])
    return distances


def smallest(distances: Distances, k: int) -> NDArray[np.int64]:
    """Columns of the k smallest distances (q, n) in each row, ascending, ties by the earlier column: int64 (q, k)."""
    # argpartition alone breaks ties arbitrarily, and hashes have many ties.
    limits = np.partition(distances, k - 1, axis=1)[:, k - 1]
    found = np.empty((len(distances), k), np.int64)
    for row, limit in enumerate(limits):
        candidates = np.flatnonzero(distances[row] <= limit)
        found[row] = candidates[np.argsort(distances[row, candidates], kind="stable")[:k]]
    return found


def euclidean(queries: Codes, gallery: Codes) -> Distances:
    """|q - g|, from squared lengths and one matrix product, never below 0."""
    q, g = queries.astype(np.float32), gallery.astype(np.float32)
    squared = (q * q).sum(axis=1)[:, None] + (g * g).sum(axis=1) - 2 * (q @ g.T)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float32)


def cosine(queries: Codes, gallery: Codes) -> Distances:
    """1 - cos(q, g); the distance to a zero vector is 1."""
    return np.asarray(1 - unit(queries) @ unit(gallery).T, np.float32)


def hamming(queries: Codes, gallery: Codes) -> Distances:
    """The number of positions in which two binary codes differ."""
    q, g = queries.astype(np.float32), gallery.astype(np.float32)
    return np.asarray(q.sum(axis=1)[:, None] + g.sum(axis=1) - 2 * (q @ g.T), np.float32)


def hellinger(queries: Codes, gallery: Codes) -> Distances:
    """sqrt(1 - sum sqrt(q g)) of histograms, each normalised to sum 1."""
    q, g = (np.sqrt(codes / codes.sum(axis=1, keepdims=True), dtype=np.float32) for codes in (queries, gallery))
    return np.asarray(np.sqrt(np.maximum(1 - q @ g.T, 0)), np.float32)


def unit(codes: Codes) -> NDArray[np.float32]:
    """Codes scaled to length 1, float32; zero vectors stay zero."""
    codes = codes.astype(np.float32)
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.asarray(codes / np.where(lengths > 0, lengths, 1), np.float32)


DISTANCES: dict[str, Callable[[Codes, Codes], Distances]] = {
    "euclidean": euclidean,
    "cosine": cosine,
    "hamming": hamming,
    "hellinger": hellinger,
}
