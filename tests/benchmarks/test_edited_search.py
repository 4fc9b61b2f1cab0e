"""The edited-search benchmark on discs whose attributes are what is drawn."""

import pytest

from benchmarks.__main__ import run
from benchmarks.pages.edited_search import report
from benchmarks.results_store import load
from tests.benchmarks.drawn_celeba import ATTRIBUTES, make_drawn_celeba
from tests.support import make_bundle


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edited")
    data, bundle = make_drawn_celeba(folder / "celeba"), make_bundle(folder / "bundles")
    chosen = [word for name in ATTRIBUTES for word in ("--attribute", name)]
    run(["edited-search", "--data", str(data), "--encoder", str(bundle), *chosen, "--results", str(folder)])
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


def test_labels_that_are_read_set_the_mark(record):
    for row in record["result"]["asked"].values():
        for way in row["ways"]:
            by_code, by_others = (way["by_labels"][name]["mean"] for name in ("code", "others"))
            assert by_others >= by_code


def test_the_page_says_which_bars_are_met(record):
    text = report(record)
    assert "## Verdict" in text and "=1 |" in text
    way = next(iter(record["result"]["asked"].values()))["ways"][0]
    way["asked"]["mean"], way["others_kept_change"]["mean"] = 0.5, -0.1
    assert "missed, asked 0.500, others -0.1000" in report(record)
