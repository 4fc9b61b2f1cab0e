"""The weights of labels that are set, measured on drawn codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalog.images import ImageRecord
from indexer.encoders.encoder import load_encoder
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from latentsearch.attributes import ranking
from latentsearch.attributes.learned import learn
from tests.support import make_bundle

PICTURES, SIZE, LABELS = 600, 12, 6


def drawn() -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Codes and labels that can be predicted from them; all labels depend on the first component as well."""
    random = np.random.default_rng(0)
    codes = random.standard_normal((PICTURES, SIZE)).astype(np.float32)
    odds = codes[:, :LABELS] + 0.7 * codes[:, :1] + 0.5 * random.standard_normal((PICTURES, LABELS))
    return codes, (odds > 0.8).astype(np.int8)


def weights(spared: float, monkeypatch: pytest.MonkeyPatch) -> NDArray[np.float32]:
    monkeypatch.setattr(ranking, "SPARED", spared)
    return ranking.fit_ranking(*drawn(), "euclidean", predicted=1.0)[1]


def test_the_more_agreement_is_spared_the_less_a_label_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    little, shipped, much = (weights(spared, monkeypatch) for spared in (0, ranking.SPARED, 1))
    assert (little >= shipped).all() and (shipped >= much).all()
    assert (little > shipped).any() and (shipped > much).any()


def test_given_labels_are_taken_at_their_word_and_some_predicted_ones_by_their_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, partly = (ranking.fit_ranking(*drawn(), "euclidean", predicted=share)[1] for share in (0.0, 0.5))
    assert (given == weights(0, monkeypatch)).all()
    monkeypatch.setattr(ranking, "SPARED", 0.125)
    assert (partly == ranking.fit_ranking(*drawn(), "euclidean", predicted=1.0)[1]).all()


def test_where_more_agreement_is_spared_results_agree_more_in_other_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, values = drawn()
    little, much = weights(0, monkeypatch), weights(1, monkeypatch)
    fitted, _ = ranking.fit_ranking(codes, values, "euclidean")
    for label, value in np.argwhere(little > much):
        rows = np.flatnonzero(values[:, label] != value)
        own = ranking.distances_between(codes[rows], codes, "euclidean")
        own[np.arange(len(rows)), rows] = np.inf
        others = np.delete(values, label, axis=1)
        kept = []
        for found in (little, much):
            setting = ranking.Setting(label, value, float(found[label, value]))
            distances = fitted.distances(own, fitted.slopes(codes[rows], [setting]), codes)
            nearest = np.argsort(distances, axis=1)[:, : ranking.NEAREST]
            kept.append((others[nearest] == others[rows][:, None]).mean())
        assert kept[1] > kept[0]


def learned_weights(folder: Path, predicted: bool) -> NDArray[np.float32]:
    """Weights learned from an index of the drawn codes, whose labels are all given or all predicted."""
    codes, values = drawn()
    encoder = load_encoder(make_bundle(folder / "bundles", distance="euclidean", latent_size=SIZE))
    with IndexWriter.create(folder / "index", encoder) as index:
        index.catalog.images.add(
            ImageRecord(number, f"/p/{number}", 1, 2, bytes(32), 1, 1, position, 0.5)
            for number, position in enumerate(index.append(codes), 1)
        )
        labels = [
            (number, {f"l{label}": int(v) for label, v in enumerate(row)}) for number, row in enumerate(values, 1)
        ]
        index.catalog.labels.add(labels, predicted=predicted)
        if predicted:
            index.note_predicted("net", "0" * 64, PICTURES)
        index.rebuild()
    with Index.open(folder / "index") as opened:
        return learn(opened).counts_for


def test_an_index_states_which_of_its_labels_are_predicted(tmp_path: Path) -> None:
    for name, predicted in (("given", False), ("predicted", True)):
        found = learned_weights(tmp_path / name, predicted)
        assert (found == ranking.fit_ranking(*drawn(), "euclidean", predicted=float(predicted))[1]).all()
