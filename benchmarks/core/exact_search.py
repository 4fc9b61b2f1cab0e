"""Exact search by comparing every query with every code, in blocks: what approximate search is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUERY_BLOCK, GALLERY_BLOCK = 1_000, 2_000

Codes = NDArray[Any]
Distances = NDArray[np.float32]


def nearest(queries: Codes, gallery: Codes, k: int, distance: str, exclude_self: bool = False) -> NDArray[np.int64]:
    """The k nearest of the gallery (n, d) to each query (q, d): rows of the gallery, int64 (q, k), nearest first.

    distance: a key of DISTANCES. Among equally distant ones the earlier row comes first.
    exclude_self: queries and gallery are the same array, and no row finds itself.
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
    """Distances of every query (q, d) to all of the gallery (n, d): float32 (q, n)."""
    metric = DISTANCES[distance]
    distances = np.empty((len(queries), len(gallery)), np.float32)
    for start in range(0, len(gallery), GALLERY_BLOCK):
        distances[:, start : start + GALLERY_BLOCK] = metric(queries, gallery[start : start + GALLERY_BLOCK])
    return distances


def smallest(distances: Distances, k: int) -> NDArray[np.int64]:
    """The columns of the k least distances (q, n) of each row, int64 (q, k), least first; of equal ones the earlier."""
    # A plain argpartition would choose among equally distant ones as it likes, and hashes have many of those.
    limits = np.partition(distances, k - 1, axis=1)[:, k - 1]
    found = np.empty((len(distances), k), np.int64)
    for row, limit in enumerate(limits):
        candidates = np.flatnonzero(distances[row] <= limit)
        found[row] = candidates[np.argsort(distances[row, candidates], kind="stable")[:k]]
    return found


def euclidean(queries: Codes, gallery: Codes) -> Distances:
    """|q - g| from squares and one matrix product, never below 0."""
    q, g = queries.astype(np.float32), gallery.astype(np.float32)
    squared = (q * q).sum(axis=1)[:, None] + (g * g).sum(axis=1) - 2 * (q @ g.T)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float32)


def cosine(queries: Codes, gallery: Codes) -> Distances:
    """1 - cos(q, g); 1 to a code of zeros."""
    return np.asarray(1 - unit(queries) @ unit(gallery).T, np.float32)


def hamming(queries: Codes, gallery: Codes) -> Distances:
    """The number of positions in which codes of 0 and 1 differ."""
    q, g = queries.astype(np.float32), gallery.astype(np.float32)
    return np.asarray(q.sum(axis=1)[:, None] + g.sum(axis=1) - 2 * (q @ g.T), np.float32)


def hellinger(queries: Codes, gallery: Codes) -> Distances:
    """sqrt(1 - sum sqrt(q g)) of histograms, each divided by its sum."""
    q, g = (np.sqrt(codes / codes.sum(axis=1, keepdims=True), dtype=np.float32) for codes in (queries, gallery))
    return np.asarray(np.sqrt(np.maximum(1 - q @ g.T, 0)), np.float32)


def unit(codes: Codes) -> NDArray[np.float32]:
    """Codes divided by their lengths, float32; a code of zeros stays one."""
    codes = codes.astype(np.float32)
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.asarray(codes / np.where(lengths > 0, lengths, 1), np.float32)


DISTANCES: dict[str, Callable[[Codes, Codes], Distances]] = {
    "euclidean": euclidean,
    "cosine": cosine,
    "hamming": hamming,
    "hellinger": hellinger,
}
