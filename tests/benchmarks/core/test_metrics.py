import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from benchmarks.core import metrics

GALLERY = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], np.uint8)
QUERIES = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], np.uint8)
FOUND = np.array([[0, 1], [2, 0]])


def attributes(rows: int) -> st.SearchStrategy[np.ndarray]:
    return drawn.arrays(np.uint8, (rows, 5), elements=st.integers(0, 1))


def test_agreement_is_the_share_of_attributes_in_common():
    counts = metrics.agreement_counts(metrics.agreeing(QUERIES, GALLERY, FOUND), (1, 2))
    assert counts.tolist() == [[4, 4], [2, 4]]
    assert metrics.agreement(counts, (1, 2), 4).tolist() == [[1.0, 0.5], [0.5, 0.5]]


def test_agreement_by_attribute():
    by_attribute = metrics.attribute_agreement(metrics.agreeing(QUERIES, GALLERY, FOUND), (1, 2))
    assert by_attribute.tolist() == [[1.0, 0.5, 1.0, 0.5], [0.75, 0.5, 0.5, 0.25]]


def test_chance_is_the_mean_agreement_with_the_whole_gallery():
    everything = np.tile(np.arange(3), (2, 1))
    expected = metrics.agreeing(QUERIES, GALLERY, everything).mean(axis=1)
    assert metrics.chance(QUERIES, GALLERY) == pytest.approx(expected)


@pytest.mark.parametrize(("measured", "expected"), [(0.7, 0.0), (0.9, 1.0), (0.75, 0.25), (0.6, -0.5)])
def test_corrected_is_0_at_chance_and_1_at_the_oracle(measured, expected):
    assert metrics.corrected(measured, 0.7, 0.9) == pytest.approx(expected)


def test_corrected_is_nothing_where_the_oracle_is_chance():
    assert np.isnan(metrics.corrected(0.7, 0.7, 0.7))


def test_first_rank_and_hit_rate():
    identities = np.array([7, 8, 7, 9])
    found = np.array([[1, 3, 2], [2, 0, 3]])
    ranks = metrics.first_rank(identities, np.array([7, 8]), found)
    assert ranks.tolist() == [3, 0]
    assert metrics.hit_rate(ranks, 2).tolist() == [0.0, 0.0]
    assert metrics.hit_rate(ranks, 3).tolist() == [1.0, 0.0]


def test_weights_are_means_over_queries_and_reproducible():
    for weights in (metrics.bootstrap_weights(50, 20, 3), metrics.draw_weights(50, 8, 20, 3)):
        assert weights.shape == (20, 50)
        assert weights.sum(axis=1) == pytest.approx(1)
    assert (metrics.bootstrap_weights(50, 20, 3) == metrics.bootstrap_weights(50, 20, 3)).all()
    assert (metrics.draw_weights(50, 8, 20, 3) != metrics.draw_weights(50, 8, 20, 4)).any()


def test_draws_take_no_query_twice():
    weights = metrics.draw_weights(50, 8, 20, 0)
    assert ((weights > 0).sum(axis=1) == 8).all()


def test_the_interval_covers_the_mean_of_a_known_distribution():
    scores = np.random.default_rng(0).normal(0.5, 0.1, 400)
    low, high = metrics.interval(metrics.bootstrap_weights(400, 2_000, 0) @ scores)
    assert low < scores.mean() < high
    # 1.96 standard errors either side
    assert high - low == pytest.approx(2 * 1.96 * 0.1 / 20, rel=0.15)


@given(attributes(3), attributes(8))
def test_agreement_lies_between_0_and_1_and_the_nearest_labels_agree_most(queries, gallery):
    by_labels = np.argsort((queries[:, None] != gallery).sum(axis=2), axis=1, kind="stable")
    as_stored = np.tile(np.arange(8), (3, 1))
    oracle, other = (
        metrics.agreement(metrics.agreement_counts(metrics.agreeing(queries, gallery, found), (1, 5)), (1, 5), 5)
        for found in (by_labels, as_stored)
    )
    assert ((other >= 0) & (oracle <= 1)).all()
    assert (oracle >= other).all()
