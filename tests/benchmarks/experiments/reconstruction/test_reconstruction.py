"""AEGAN's Table 1 on drawn faces and tiny networks."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

from PIL import Image

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.experiments.reconstruction.page import report
from benchmarks.methods.dhash import dhash_bits, random_pairs, similarity
from benchmarks.report import all_pages
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import make_drawn_celeba
from tests.benchmarks.drawn_runs import ONCE, SIZES, train
from tests.support import draw_picture

NAME = "reconstruction"
FEW = ("--images", "24", "--descended", "9", "--steps", "3")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reconstruction")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        data = make_drawn_celeba(folder / "celeba")
        aegan = train("aegan", data, folder / "aegan", *SIZES, *ONCE)
        direct = ("--generator", str(aegan), "--inverse-epochs", "1", "--batch", "16", "--threads", "1")
        train("direct", data, folder / "direct", *direct)
        train("bigan", data, folder / "bigan", *SIZES, "--epochs", "1")
        measure(folder, "aegan", "direct", "bigan", *FEW)
        yield folder


def measure(folder, *runs_and_options, results="results"):
    runs = [word for word in runs_and_options if (folder / word / "run.json").exists()]
    options = [word for word in runs_and_options if word not in runs]
    named = [f"--run={folder / name}" for name in runs]
    run([NAME, f"--data={folder / 'celeba'}", *named, f"--results={folder / results}", *options])
    return load(NAME, folder / results)


@pytest.fixture(scope="module")
def record(place):
    return load(NAME, place / "results")


@pytest.fixture(scope="module")
def by_key(record):
    return {method["key"]: method for method in record["result"]["methods"]}


def test_similarity_is_the_share_of_equal_bits_of_64():
    pictures = np.stack([np.asarray(draw_picture(seed, (64, 64))) for seed in range(3)])
    bits = dhash_bits(pictures)
    assert bits.shape == (3, 64) and similarity(bits, bits).tolist() == [1, 1, 1]
    assert similarity(bits, ~bits).tolist() == [0, 0, 0]
    half = bits.copy()
    half[:, ::2] ^= True
    assert similarity(bits, half).tolist() == [0.5, 0.5, 0.5]


def test_random_pairs_are_of_different_pictures_and_each_is_in_two():
    bits = np.eye(64, dtype=bool)
    assert random_pairs(bits, 0) == pytest.approx(np.full(64, 62 / 64))
    assert (random_pairs(np.ones((5, 64), bool), 3) == 1).all()  # a generator that makes one picture only


def test_every_method_is_measured_beside_chance_diversity_and_the_papers_figure(by_key):
    assert list(by_key) == ["aegan", "direct", "bigan", "gradient"]
    assert [by_key[key]["paper"] for key in by_key] == [0.8266, 0.7944, 0.6594, None]
    for key, method in by_key.items():
        low, high = method["similarity"]["interval"]
        assert 0 <= low <= method["similarity"]["mean"] <= high <= 1
        assert method["similarity"]["n"] == (9 if key == "gradient" else 24)
        above = method["similarity"]["mean"] - method["random_pairs"]["mean"]
        assert method["above_random_pairs"] == pytest.approx(above, abs=1e-4)
        assert (method["real"] is None) == (key == "gradient")
        if key != "gradient":
            assert method["run"]["recipe"]["latent_size"] == 8


def test_the_pretrained_generator_is_shared_and_bigan_has_its_own(by_key):
    assert {key: method["generator"] for key, method in by_key.items()} == {
        "aegan": "aegan",
        "direct": "aegan",
        "bigan": "bigan",
        "gradient": "aegan",
    }
    assert by_key["aegan"]["random_pairs"] == by_key["direct"]["random_pairs"] != by_key["bigan"]["random_pairs"]


def test_diversity_is_relative_to_real_faces(record, by_key):
    real = record["result"]["real_pairs"]["aegan"]["mean"]
    expected = (1 - by_key["aegan"]["random_pairs"]["mean"]) / (1 - real)
    assert by_key["aegan"]["relative_diversity"] == pytest.approx(expected, abs=1e-3)


def test_differences_are_between_neighbours_of_the_papers_order(record, by_key):
    differences = record["result"]["differences"]
    assert [(one["better"], one["worse"], one["paired"]) for one in differences] == [
        ("aegan", "direct", True),
        ("direct", "bigan", False),
    ]
    for one in differences:
        expected = by_key[one["better"]]["similarity"]["mean"] - by_key[one["worse"]]["similarity"]["mean"]
        assert one["mean"] == pytest.approx(expected, abs=1e-4)
        assert one["interval"][0] <= one["mean"] <= one["interval"][1]


def test_what_every_picture_gave_is_stored(place, by_key):
    with np.load(place / "results" / f"{NAME}.npz") as arrays:
        assert len(arrays.files) == 4 * 3 - 1
        assert arrays["bigan_generated"].mean() == pytest.approx(by_key["bigan"]["similarity"]["mean"], abs=1e-4)


def test_the_same_seed_measures_the_same(place, record):
    again = measure(place, "aegan", "direct", "bigan", *FEW, results="again")
    assert again["result"] == record["result"]
    other = measure(place, "aegan", *FEW, "--descended", "0", "--seed", "1", results="other")
    [method] = other["result"]["methods"]
    assert method["similarity"] != record["result"]["methods"][0]["similarity"]
    assert other["result"]["differences"] == []


def test_a_direct_run_of_another_generator_is_refused(place):
    train("direct", place / "celeba", place / "stranger", *SIZES, *ONCE, "--seed", "1")
    with pytest.raises(InputError, match="a different generator"):
        measure(place, "aegan", "stranger", *FEW)
    with pytest.raises(InputError, match="second run of aegan"):
        run([NAME, f"--data={place / 'celeba'}", f"--run={place / 'aegan'}", f"--run={place / 'aegan'}"])


def test_a_run_that_generates_nothing_of_random_codes_is_refused(place):
    train("autoencoder", place / "celeba", place / "plain", *SIZES, "--epochs", "1")
    with pytest.raises(InputError, match="cannot generate pictures from random codes"):
        measure(place, "plain", *FEW)


def test_the_page_shows_table_plot_sheet_and_verdict(place, record, tmp_path):
    written = all_pages()[NAME].write(record, tmp_path)
    assert [path.name for path in written] == [f"{NAME}.md", f"{NAME}.png"]
    text = written[0].read_text()
    for words in ("0.8266", "0.7944", "0.6594", "random pairs", f"./{NAME}-sheet.png", "python -m benchmarks"):
        assert words in text
    with Image.open(place / "results" / f"{NAME}-sheet.png") as sheet:
        assert sheet.width == 8 * 66 + 2
        assert sheet.height == 66 * len(record["result"]["sheet"]) + 2


def test_the_verdict_says_what_is_met_and_what_is_missed(record):
    better = copy.deepcopy(record)
    for difference in better["result"]["differences"]:
        difference["interval"] = [0.01, 0.02]
    aegan = better["result"]["methods"][0]
    aegan |= {"above_random_pairs": 0.2, "relative_diversity": 0.9}
    aegan["similarity"] = {"mean": 0.83, "interval": [0.82, 0.84]}
    assert report(better).count(": met") == 5 and "missed" not in report(better)
    worse = copy.deepcopy(better)
    worse["result"]["differences"][0]["interval"] = [-0.01, 0.02]
    worse["result"]["methods"][0]["relative_diversity"] = 0.5
    assert report(worse).count("missed") == 2 and "missed by 0.3000" in report(worse)


def test_the_order_of_real_faces_is_said_where_all_three_are_there(record):
    in_order = copy.deepcopy(record)
    for method, mean in zip(in_order["result"]["methods"], (0.8, 0.7, 0.6), strict=False):
        method["real"] = {"mean": mean, "interval": [mean - 0.01, mean + 0.01]}
    assert "aegan 0.800, direct 0.700, bigan 0.600; in the paper's order" in report(in_order)
    in_order["result"]["methods"][0]["real"]["interval"] = [0.69, 0.9]
    assert "bigan 0.600; not in the paper's order" in report(in_order)
    del in_order["result"]["methods"][2]
    assert "Real faces, which Table 1" not in report(in_order)


def test_runs_of_the_paper_presets_have_a_result_and_a_page_of_their_own(place, tmp_path):
    train("aegan", place / "celeba", place / "paper", "--preset", "paper", *SIZES, *ONCE)
    name = f"{NAME}-paper"
    run([NAME, f"--data={place / 'celeba'}", f"--run={place / 'paper'}", *FEW, f"--results={tmp_path}"])
    page = all_pages()[name]
    written = page.write(load(name, tmp_path), tmp_path)
    assert [path.name for path in written] == [f"{name}.md", f"{name}.png"]
    assert (tmp_path / f"{name}-sheet.png").exists() and f"./{name}-sheet.png" in written[0].read_text()
