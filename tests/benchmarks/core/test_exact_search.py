import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.core import exact_search
from benchmarks.core.exact_search import distance_matrix, nearest


def codes(seed: int, rows: int, distance: str) -> np.ndarray:
    random = np.random.default_rng(seed)
    if distance == "hamming":
        return random.integers(0, 2, (rows, 16), dtype=np.uint8)
    return random.integers(1, 200, (rows, 16)).astype(np.float32)


def plain_distance(q: np.ndarray, g: np.ndarray, distance: str) -> float:
    q, g = q.astype(float), g.astype(float)
    if distance == "euclidean":
        return float(np.linalg.norm(q - g))
    if distance == "cosine":
        return float(1 - q @ g / np.linalg.norm(q) / np.linalg.norm(g))
    if distance == "hamming":
        return float((q != g).sum())
    return float(np.linalg.norm(np.sqrt(q / q.sum()) - np.sqrt(g / g.sum())) / np.sqrt(2))


@pytest.mark.parametrize("distance", exact_search.DISTANCES)
def test_distances_are_those_of_the_definition(distance):
    queries, gallery = codes(0, 5, distance), codes(1, 7, distance)
    expected = [[plain_distance(q, g, distance) for g in gallery] for q in queries]
    assert distance_matrix(queries, gallery, distance) == pytest.approx(np.array(expected), abs=1e-3)


def test_among_equally_distant_ones_the_earlier_comes_first():
    gallery = np.array([[1, 1], [0, 1], [1, 0], [0, 0]], np.uint8)
    assert nearest(np.zeros((1, 2), np.uint8), gallery, 4, "hamming").tolist() == [[3, 1, 2, 0]]
    assert nearest(np.zeros((1, 2), np.uint8), gallery, 2, "hamming").tolist() == [[3, 1]]


@given(st.integers(0, 10_000), st.sampled_from(sorted(exact_search.DISTANCES)))
def test_blocks_change_nothing(seed, distance):
    queries, gallery = codes(seed, 9, distance), codes(seed + 1, 23, distance)
    whole = nearest(queries, gallery, 6, distance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_search, "QUERY_BLOCK", 4)
        assert (nearest(queries, gallery, 6, distance) == whole).all()


def test_no_query_finds_itself(monkeypatch):
    monkeypatch.setattr(exact_search, "QUERY_BLOCK", 3)
    same = np.arange(10, dtype=np.float32)[:, None]
    found = nearest(same, same, 9, "euclidean", exclude_self=True)
    assert [sorted(row) for row in found.tolist()] == [[i for i in range(10) if i != row] for row in range(10)]


def test_a_code_of_zeros_is_no_division_by_zero():
    zeros, ones = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    assert distance_matrix(zeros, ones, "cosine").tolist() == [[1.0]]


def test_bytes_do_not_wrap_around():
    dark, bright = np.zeros((1, 12), np.uint8), np.full((1, 12), 255, np.uint8)
    assert distance_matrix(dark, bright, "euclidean")[0, 0] == pytest.approx(255 * 12**0.5)
