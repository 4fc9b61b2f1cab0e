"""Similarity: the share of pairs that are farther apart, fine where the pictures that a search finds lie."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.encoders.encoder import load_encoder
from latentsearch.export.calibration import closest_pairs, random_pair_distances
from tests.support import make_bundle


def codes_of(distance: str, count: int = 1500) -> NDArray[np.float32]:
    codes = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)
    return codes / np.linalg.norm(codes, axis=1, keepdims=True) if distance == "cosine" else codes


def all_distances(codes: NDArray[np.float32], distance: str) -> NDArray[np.float64]:
    first, second = np.triu_indices(len(codes), 1)
    squares = ((codes[first].astype(np.float64) - codes[second]) ** 2).sum(1)
    return np.sort(squares / 2 if distance == "cosine" else np.sqrt(squares))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_similarity_is_right_for_the_closest_pairs(tmp_path: Path, distance: str) -> None:
    codes = codes_of(distance)
    quantiles = random_pair_distances(codes, distance)
    bundle = make_bundle(tmp_path, distance=distance)
    model = load_encoder(bundle, network=False).model
    stated = {"random_pair_distances": quantiles, "closest_pairs": closest_pairs(codes, distance, quantiles)}
    (bundle / "model.json").write_text(json.dumps({**model, **stated}))
    encoder = load_encoder(bundle, network=False)
    distances = all_distances(codes, distance)
    for share in (1e-4, 1e-3, 3e-3, 1e-2, 0.5, 0.999):
        rank = round(share * len(distances))
        assert 1 - encoder.similarity(distances[rank]) == pytest.approx(share, rel=0.1)
    similarities = encoder.similarity(np.linspace(0, distances[-1] * 1.1, 2000))
    assert (np.diff(similarities) <= 0).all() and similarities[0] == 1 and similarities[-1] == 0
    assert encoder.similarity(distances[0] / 2) < 1


def test_rows_ascend_and_end_where_the_quantiles_begin() -> None:
    codes = codes_of("cosine")
    quantiles = random_pair_distances(codes, "cosine")
    shares, distances = zip(*closest_pairs(codes, "cosine", quantiles), strict=True)
    assert list(shares) == sorted(shares) and list(distances) == sorted(distances)
    assert shares[-1] <= 0.005 and distances[-1] <= quantiles[1]


@pytest.mark.parametrize("codes", [codes_of("cosine", 20), np.ones((100, 8), np.float32)])
def test_too_few_or_equal_codes_have_no_closest_pairs(codes: NDArray[np.float32]) -> None:
    assert closest_pairs(codes, "euclidean", random_pair_distances(codes, "euclidean")) == []
