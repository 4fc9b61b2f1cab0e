"""Exact search against sorting all distances, and the two ways to it against one another."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.vectors import exact

CODES = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
QUERIES = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)


@pytest.mark.parametrize("way", ["FAISS", "numpy"])
@pytest.mark.parametrize(
    "rows", [np.arange(200), np.arange(50, 90), np.arange(0, 200, 3)], ids=["all", "some together", "some apart"]
)
@pytest.mark.parametrize("wanted", [0, 1, 7, 500])
def test_nearest_rows(rows: np.ndarray, wanted: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "NUMPY_COMPARISONS", 0 if way == "FAISS" else 10**9)
    found = exact.nearest_rows(QUERIES, CODES, rows, wanted)
    assert found.shape == (5, min(wanted, len(rows)))
    distances = np.linalg.norm(QUERIES[:, None] - CODES[rows], axis=2)
    assert np.array_equal(found, rows[np.argsort(distances, axis=1)[:, :wanted]])


def test_no_rows() -> None:
    assert exact.nearest_rows(QUERIES, CODES, np.empty(0, np.int64), 3).shape == (5, 0)


def test_distances_and_unit_codes() -> None:
    units = exact.unit(CODES)
    assert np.allclose(exact.distances_to(units[0], units, "cosine"), 1 - units @ units[0], atol=1e-6)
    assert np.allclose(exact.distances_to(CODES[0], CODES, "euclidean"), np.linalg.norm(CODES - CODES[0], axis=1))
    assert exact.distances_to(units[0], units, "cosine")[0] == 0
    assert np.array_equal(exact.unit(units), units)
    assert not exact.unit(np.zeros((1, 8), np.float32)).any()


def test_padding() -> None:
    wide = exact.pad(CODES, 16)
    assert wide.shape == (200, 16) and np.array_equal(wide[:, :8], CODES) and not wide[:, 8:].any()
    assert np.array_equal(exact.pad(CODES, 8), CODES)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [0, 1, 20, 60, 250, 500])
def test_nearest_of_some_codes(k: int, distance: str) -> None:
    units = exact.unit(CODES)
    codes = np.concatenate([units, np.repeat(units[:1], 50, axis=0)])
    far, ids = exact.FewCodes(np.arange(250), codes, distance).nearest(units[0], k)
    apart = np.linalg.norm(codes.astype(np.float64) - units[0], axis=1)
    expected = apart if distance == "euclidean" else 0.5 * apart**2
    assert len(far) == len(ids) == min(k, 250)
    np.testing.assert_allclose(far, np.sort(expected)[:k], rtol=1e-5, atol=0)
    # The query and its 50 copies are equally near, and come by their ids.
    assert ids[:51].tolist() == [0, *range(200, 250)][:k]
    np.testing.assert_allclose(expected[ids], far, rtol=1e-5, atol=0)


@pytest.mark.parametrize("wanted", [0, 1, 20, 60, 199, 200, 500])
def test_the_few_that_may_be_nearest_are_all_that_are(wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "COMPARED_AT_ONCE", 0)
    far_from_the_origin = np.concatenate([CODES + 100, np.repeat(CODES[:1] + 100, 50, axis=0)]).astype(np.float32)
    query = CODES[0] + np.float32(100)
    few = exact.nearest_few(query, far_from_the_origin, wanted)
    distances = exact.distances_to(query, far_from_the_origin, "euclidean")
    order = np.lexsort((np.arange(250), distances))[:wanted]
    assert np.all(np.diff(few) > 0)
    assert set(order) <= set(few.tolist())
    if wanted == 20:  # the query and its 50 copies are equally near
        assert set(few.tolist()) >= {0, *range(200, 250)} and len(few) < 250


@pytest.mark.parametrize("wrong", [CODES.astype(np.float64), CODES[:, ::2], CODES.T])
def test_faiss_gets_no_pointer_to_what_it_would_read_wrongly(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="FAISS takes contiguous float32"):
        exact.pointer(wrong, np.float32)
