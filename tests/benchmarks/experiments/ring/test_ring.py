"""The ring experiment: its measures on points that are known, and the experiment and its page on a tiny run."""

import copy
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.experiments.ring.page import report  # noqa: E402
from benchmarks.statistics.ring_coverage import coverage  # noqa: E402
from latentsearch.data import draw_ring  # noqa: E402
from latentsearch.training.datasets.ring import ring  # noqa: E402

NAME = "ring"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ring")
    run([NAME, "--seeds=2", "--epochs=2", "--batch=64", "--points=640", f"--results={folder}"])
    return folder


@pytest.fixture(scope="module")
def record(results):
    return load(NAME, results)


def test_the_rings_own_points_lie_on_it():
    points, modes = draw_ring(ring(), 20_000)
    found = coverage(points, ring())
    assert found["covered"] == 8
    assert found["within"] == pytest.approx(1 - np.exp(-4.5), abs=0.003)  # a Rayleigh variable below 3
    assert found["spread"] == pytest.approx(0.97, abs=0.02)
    assert np.allclose(found["shares"], np.bincount(modes) / len(modes) * found["within"], atol=0.003)


def test_points_elsewhere_count_for_nothing():
    points, modes = draw_ring(ring(), 8_000)
    points[modes >= 2] = 0
    found = coverage(points, ring())
    assert found["covered"] == 2 and found["within"] == pytest.approx(0.25, abs=0.03)
    nowhere = coverage(np.zeros((10, 2), np.float32), ring())
    assert nowhere["within"] == 0 and nowhere["covered"] == 0 and nowhere["spread"] is None


def test_points_at_the_modes_have_no_spread():
    angles = np.arange(8) * np.pi / 4
    found = coverage(np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), ring())
    assert found["within"] == 1 and found["spread"] < 1e-3 and found["shares"] == [0.125] * 8


def test_every_seed_of_both_models_is_looked_at_over_the_steps(record):
    runs = record["result"]["runs"]
    assert [(one["model"], one["seed"]) for one in runs] == [("ivegan", 0), ("ivegan", 1), ("gan", 0), ("gan", 1)]
    for one in runs:
        assert [look["step"] for look in one["looks"]] == [0, 4, 8, 12, 16, 20]
        kinds = {"prior", "encoded"} if one["model"] == "ivegan" else {"prior"}
        assert all(set(look) == {"step", *kinds} for look in one["looks"])


def test_the_points_are_stored(results):
    with np.load(results / f"{NAME}.npz") as arrays:
        assert arrays["data"].shape == arrays["gan_1_prior_20"].shape == (2_500, 2)
        assert arrays["ivegan_1_encoded_20"].shape == (640, 2)  # no more points than there are
        assert not np.array_equal(arrays["gan_0_prior_0"], arrays["gan_0_prior_20"])


def test_the_page_comes_from_stored_results_alone(results, record):
    run(["report", "--results", str(results), "--readme", str(results / "README.md")])
    page = (results / f"{NAME}.md").read_text()
    assert "G(z', z): missed, in 0 of 2 seeds." in page
    with Image.open(results / f"{NAME}.png") as picture:
        assert picture.width > 600
    for above, below in pairwise(page.splitlines()):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")
    assert str(results) not in json.dumps(record)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "G(z', z): met, in 2 of 2 seeds."),
        ({"within": 0.89}, "G(z', z): missed, in 1 of 2 seeds. At worst 8 modes, 0.890 within"),
        ({"covered": 7}, "G(z', z): missed, in 1 of 2 seeds. At worst 7 modes"),
        ({"shares": [0.18, *[0.11] * 7]}, "shares from 11.0% to 18.0%."),
        ({"shares": [0.07, *[0.12] * 7]}, "shares from 7.0% to 12.0%."),
    ],
)
def test_the_verdict(record, change, sentence):
    record = copy.deepcopy(record)
    good = {"covered": 8, "within": 0.95, "shares": [0.12] * 8, "spread": 1.0}
    for one in record["result"]["runs"][:2]:
        one["looks"][-1] |= {"prior": good, "encoded": good}
    record["result"]["runs"][1]["looks"][-1]["prior"] = good | change
    assert sentence in report(record)
