"""Predicted labels against given ones, of drawn discs and a bundle that tells how red, green and blue they are."""

import json

import pytest

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.experiments.predicted_labels import page as predicted_labels
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import ATTRIBUTES, make_drawn_celeba
from tests.support import make_bundle


def bundle_of(folder, labels):
    bundle = make_bundle(folder, "predictor", attributes=True)
    model = json.loads((bundle / "model.json").read_text())
    known = dict.fromkeys(("terms", "preset", "hardware", "precision", "commit"), "") | {"commands": []}
    changed = {"attributes": {"labels": labels}, "trained": model["trained"] | known}
    (bundle / "model.json").write_text(json.dumps(model | changed))
    return bundle


@pytest.fixture
def words(tmp_path):
    data, codes = make_drawn_celeba(tmp_path / "celeba"), make_bundle(tmp_path / "bundles", "plain")
    return ["predicted-labels", "--data", str(data), "--codes", str(codes), "--results", str(tmp_path / "results")]


def test_what_a_bundle_sees_is_compared_with_what_people_say(words, tmp_path):
    bundle = bundle_of(tmp_path / "bundles", list(ATTRIBUTES))
    run([*words, "--attributes", str(bundle), "--record"])
    record = load("predicted-labels", tmp_path / "results")
    rows = record["result"]["rows"]
    red = {key: row["by_label"]["Red_Background"] for key, row in rows.items()}
    assert red["attributes"]["accuracy"] == 28 / 32  # as red as the picture is on average; discs are white
    assert red["commoner"]["accuracy"] == 0.5 and red["codes"]["accuracy"] > 0.9
    assert rows["codes"]["f1"]["mean"] > 0.6 and record["result"]["training"] == 64
    page = predicted_labels.report(record)
    assert "| bundle `predictor` |" in page and "| Red_Background | 0.500 |" in page
    scores = json.loads((bundle / "model.json").read_text())["scores"]
    assert scores == {"accuracy": round(rows["attributes"]["accuracy"]["mean"], 4), "F1": scores["F1"]}
    assert f"- accuracy: {scores['accuracy']}" in (bundle / "MODEL_CARD.md").read_text()


def test_faces_that_lack_a_label_are_refused(words, tmp_path):
    with pytest.raises(InputError, match="no label Halo"):
        run([*words, "--attributes", str(bundle_of(tmp_path / "bundles", ["Halo", *ATTRIBUTES[1:]]))])
