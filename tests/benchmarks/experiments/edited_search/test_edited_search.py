"""The edited-search benchmark on discs whose attributes are what is drawn."""

import pytest

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.experiments.edited_search.page import report
from tests.benchmarks.drawn_celeba import ATTRIBUTES, make_drawn_celeba
from tests.support import make_bundle


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edited")
    data, bundle = make_drawn_celeba(folder / "celeba"), make_bundle(folder / "bundles")
    predictor = make_bundle(folder / "bundles", "predictor", attributes=True)
    about = (predictor / "model.json").read_text().replace('"Smiling"', '"Red_Background"')
    (predictor / "model.json").write_text(about)  # it tells how red a picture is
    chosen = [word for name in ATTRIBUTES for word in ("--attribute", name)]
    words = ["--data", str(data), "--encoder", str(bundle), "--predicted-by", str(predictor), *chosen]
    run(["edited-search", *words, "--seed", "1", "--results", str(folder)])
    return load("edited-search", folder)


def test_learned_from_half_of_the_people_and_measured_on_the_other(record):
    result = record["result"]
    assert result["learned_from"] + result["measured_on"] == result["faces"] == 64
    assert result["learned_from"] == result["measured_on"] == 32


def test_setting_an_attribute_brings_faces_that_have_it(record):
    asked = record["result"]["asked"]
    assert set(asked) <= set(ATTRIBUTES) and asked
    for row in asked.values():
        for way in row["ways"]:
            assert way["asked"]["mean"] > way["asked_before"]["mean"]


def test_it_can_be_learned_from_predicted_labels(record):
    predicted = record["result"]["predicted"]
    assert predicted["name"] == "predictor" and set(predicted["asked"]) == {"Red_Background"}
    for way in predicted["asked"]["Red_Background"]["ways"]:
        assert way["asked"]["mean"] > way["asked_before"]["mean"]
    assert "## Learned from predicted labels" in report(record)
    without = {**record, "result": {**record["result"], "predicted": {}}}
    assert "predicted" not in report(without)


def test_labels_that_are_read_set_the_mark(record):
    for row in record["result"]["asked"].values():
        for way in row["ways"]:
            by_code, by_others = (way["by_labels"][name]["mean"] for name in ("code", "others"))
            assert by_others >= by_code


def test_what_says_more_of_the_same_thing_is_left_out_once(record):
    assert set(record["result"]["same_thing"]) <= set(record["result"]["asked"])
    for name, row in record["result"]["asked"].items():
        for way in row["ways"]:
            is_same = way["unrelated_kept_change"] == way["others_kept_change"]
            assert is_same == (name not in record["result"]["same_thing"])


def test_the_page_says_which_bars_are_met(record):
    text = report(record)
    assert "## Verdict" in text and "=1 |" in text
    name, row = next(iter(record["result"]["asked"].items()))
    for way in row["ways"]:
        way["asked"]["mean"], way["others_kept_change"]["mean"], way["unrelated_kept_change"]["mean"] = 0.9, 0.0, 0.0
    assert f"- {name}=1: met." in report(record) and f"- {name}: met." in report(record)
    way = row["ways"][0]
    way["asked"]["mean"], way["others_kept_change"]["mean"], way["unrelated_kept_change"]["mean"] = 0.5, -0.03, 0.01
    assert f"- {name}=1: missed, have it 0.500, others kept -0.0300, unrelated kept +0.0100." in report(record)
    assert f"- {name}: missed, have it 0.700." in report(record)
