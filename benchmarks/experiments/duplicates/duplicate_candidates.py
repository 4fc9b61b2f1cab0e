"""Candidate pairs for close comparison: by fingerprint, by distance between codes, and among a million pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.core.child_process import own_peak_kib
from benchmarks.core.exact_search import nearest
from benchmarks.datasets.planted_copies import Planted
from indexer.decoding.fingerprint import SIDE, fingerprint_of
from indexer.index.index import Index
from latentsearch.duplicates.candidates import candidates

# Neighbours per code: enough to include the closest pairs overall.
NEIGHBOURS = 50
CODES_AT_ONCE = 1_000
# Synthetic fingerprints per real one, and the variance of the noise added, as a share of the total variance.
OFFSPRING, ADDED = 50, 0.4
MADE_AT_ONCE = 50_000

Fingerprints = NDArray[np.uint8]
Ids = NDArray[np.int64]


def compare_candidates(index: Path, planted: Planted) -> dict[str, Any]:
    """The planted copies among the candidates by fingerprint, and among equally many pairs of nearest codes."""
    with Index.open(index) as opened:
        ids, fingerprints = opened.catalog.copies.fingerprints()
        names = [Path(record.path).name for record in opened.images(ids.tolist())]
        codes, distance = opened.codes(ids.tolist()), opened.distance
    pairs = candidates(fingerprints)
    by_fingerprint = np.stack([pairs.pictures, pairs.references], axis=1)
    by_code = _nearest_pairs(codes, distance, len(pairs))
    return {
        "pairs": len(pairs),
        "fingerprints": _found_by_kind(by_fingerprint, names, planted),
        "codes": _found_by_kind(by_code, names, planted),
    }


def _nearest_pairs(codes: NDArray[np.float32], distance: str, count: int) -> Ids:
    """The `count` closest pairs of rows, int64 (count, 2), among all pairs of near neighbours."""
    pairs, distances = [], []
    for start in range(0, len(codes), CODES_AT_ONCE):
        queries = codes[start : start + CODES_AT_ONCE]
        found = nearest(queries, codes, NEIGHBOURS + 1, distance)
        rows = np.broadcast_to(np.arange(start, start + len(queries))[:, None], found.shape)
        pairs.append(np.sort(np.stack([rows, found], axis=2).reshape(-1, 2), axis=1))
        distances.append(np.linalg.norm(codes[found] - queries[:, None], axis=2).ravel())
    both, first = np.unique(np.concatenate(pairs), axis=0, return_index=True)
    order = np.argsort(np.where(both[:, 0] == both[:, 1], np.inf, np.concatenate(distances)[first]), kind="stable")
    return np.asarray(both[order[:count]])


def _found_by_kind(pairs: Ids, names: Sequence[str], planted: Planted) -> dict[str, float]:
    """The share of planted copies paired with their originals: overall and by kind."""
    row = {name: number for number, name in enumerate(names)}
    found = set(map(frozenset, pairs.tolist()))
    hits: dict[str, list[bool]] = {"all": []}
    for copy, (original, kind) in planted.items():
        hit = frozenset((row[copy], row[original])) in found
        hits["all"].append(hit)
        hits.setdefault(kind, []).append(hit)
    return {kind: float(np.mean(some)) for kind, some in hits.items()}


def search_many(
    count: int, faces: Sequence[Path], copies: Sequence[Path], planted: Planted, seed: int
) -> dict[str, Any]:
    """Seconds and memory to find candidates among `count` fingerprints, and the planted copies among them.

    The fingerprints of faces and copies are mixed with synthetic ones. Only the search is timed, not making them.
    """
    paths = [*faces, *copies]
    real = np.stack([_fingerprint(path) for path in paths])
    made = make_fingerprints(real[: len(faces)], count - len(real), seed)
    everything = np.concatenate([real, made])
    before, start = own_peak_kib() / 1e3, time.perf_counter()
    pairs = candidates(everything)
    seconds = time.perf_counter() - start
    both = np.stack([pairs.pictures, pairs.references], axis=1)
    return {
        "fingerprints": len(everything),
        "real": len(real),
        "seconds": seconds,
        "pairs": len(pairs),
        "found": _found_by_kind(both, [path.name for path in paths], planted),
        "peak_mb": own_peak_kib() / 1e3,
        "peak_mb_before": before,
    }


def make_fingerprints(real: Fingerprints, count: int, seed: int) -> Fingerprints:
    """Make `count` fingerprints: each a real one plus noise, with the same mean and covariance overall.

    They lie closer to one another than real ones do, and closer still to real ones: see docs/decisions.md.
    """
    random = np.random.default_rng(seed)
    flat = real.reshape(len(real), -1).astype(np.float32)
    mean = flat.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    spread = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    parents = flat[random.permutation(len(flat))[: max(1, -(-count // OFFSPRING))]] - mean
    made = np.empty((count, SIDE * SIDE), np.uint8)
    for start in range(0, count, MADE_AT_ONCE):
        rows = np.arange(start, min(start + MADE_AT_ONCE, count))
        noise = random.standard_normal((len(rows), SIDE * SIDE), dtype=np.float32) @ spread.T
        mixed = (1 - ADDED) ** 0.5 * parents[rows % len(parents)] + ADDED**0.5 * noise
        made[rows] = np.clip(mean + mixed, 0, 255)
    return made.reshape(-1, SIDE, SIDE)


def _fingerprint(path: Path) -> Fingerprints:
    with Image.open(path) as picture:
        white = fingerprint_of(picture.convert("RGB")).white
    return np.frombuffer(white, np.uint8).reshape(SIDE, SIDE)
