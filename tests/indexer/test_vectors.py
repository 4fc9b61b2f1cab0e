"""The nearest codes: exactly, and through the FAISS file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer import vectors
from indexer.vectors import SavedVectors, Stamp

CODES = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
QUERIES = CODES[:5] + np.float32(0.01)
STAMP = Stamp("0" * 32, 3)


def nearest(rows: list[int], wanted: int) -> list[set[int]]:
    squares = ((QUERIES[:, None] - CODES[rows]) ** 2).sum(axis=2)
    return [{rows[column] for column in order[:wanted]} for order in squares.argsort(axis=1)]


@pytest.mark.parametrize("scores_at_once", [1, 16_000_000])
@pytest.mark.parametrize("rows", [list(range(200)), list(range(0, 200, 3))])
def test_exact_candidates_are_the_nearest(
    rows: list[int], scores_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "SCORES_AT_ONCE", scores_at_once)
    positions = np.array(rows)
    found = vectors.exact_candidates(QUERIES, CODES, positions, 7)
    assert [set(positions[row].tolist()) for row in found] == nearest(rows, 7)


@pytest.mark.parametrize(("wanted", "held"), [(0, 200), (300, 200), (5, 0)])
def test_more_candidates_than_there_are(wanted: int, held: int) -> None:
    assert vectors.exact_candidates(QUERIES, CODES, np.arange(held), wanted).shape == (5, min(wanted, held))


def test_distances() -> None:
    units = vectors.unit(CODES)
    assert np.allclose(vectors.distances_to(units[0], units, "cosine"), 1 - units @ units[0], atol=1e-6)
    assert np.allclose(vectors.distances_to(CODES[0], CODES, "euclidean"), np.linalg.norm(CODES - CODES[0], axis=1))
    assert vectors.distances_to(units[0], units, "cosine")[0] == 0
    assert np.array_equal(vectors.unit(units), units)
    assert not vectors.unit(np.zeros((1, 8), np.float32)).any()


def test_saved_vectors_answer_with_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    vectors.save(vectors.build(CODES, np.arange(1000, 1200)), path, STAMP)
    saved = SavedVectors(path)
    assert saved.ids().tolist() == list(range(1000, 1200))
    assert np.array_equal(saved.codes(), CODES)
    rows = [row for row in range(200) if row not in (0, 17)]
    found = saved.candidates(QUERIES, 7, excluded=[1000, 1017])
    assert [{image_id - 1000 for image_id in row} for row in found.tolist()] == nearest(rows, 7)
    assert list(tmp_path.iterdir()) == [path]


def test_a_stamp_tells_what_a_file_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    assert vectors.read_stamp(path) is None
    for content in (b"", b"short", bytes(1000)):
        path.write_bytes(content)
        assert vectors.read_stamp(path) is None
    vectors.save(vectors.build(CODES, np.arange(200)), path, STAMP)
    assert vectors.read_stamp(path) == STAMP
