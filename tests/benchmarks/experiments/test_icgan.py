"""The experiments of IcGAN, on drawn discs and tiny networks."""

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.experiments.attribute_editing import page as attribute_editing
from benchmarks.experiments.conditional_position import page as conditional_position
from benchmarks.experiments.digit_editing import page as digit_editing
from benchmarks.experiments.digit_editing.run import slants
from benchmarks.experiments.encoder_designs import page as encoder_designs
from benchmarks.experiments.redrawn_search import page as redrawn_search
from benchmarks.judges.attribute_scores import scores
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import ATTRIBUTES, make_drawn_celeba
from tests.benchmarks.drawn_runs import train
from tests.support import make_bundle

SIZES = ("--width", "4", "--batch", "16", "--threads", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Drawn faces, a judge and one run a design, all of one generator."""
    folder = tmp_path_factory.mktemp("icgan")
    data = make_drawn_celeba(folder / "celeba")
    train("attributes", data, folder / "judge", *SIZES, "--epochs", "30")
    sizes = (*SIZES, "--latent-size", "8", "--inverse-epochs", "1")
    train("icgan", data, folder / "IND", *sizes, "--generator-epochs", "1", "--attribute-epochs", "20")
    for design in ("IND-COND", "SNG"):
        words = ("--generator", str(folder / "IND"), "--design", design, "--attribute-epochs", "0")
        train("icgan", data, folder / design, *sizes, *words)
    return folder


def measured(place, name, *words):
    results = place / "results"
    run([name, "--data", str(place / "celeba"), "--judge", str(place / "judge"), *words, "--results", str(results)])
    return load(name, results)


def test_scores_are_means_over_attributes():
    asked = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], bool)
    seen = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], bool)
    found = scores(seen, asked, ("a", "b"), seed=0)
    assert found["by_label"]["a"] == {"accuracy": 0.75, "f1": 0.8, "asked": 0.5}
    assert found["by_label"]["b"] == {"accuracy": 0.75, "f1": 0.0, "asked": 0.25}
    assert (found["accuracy"]["mean"], found["f1"]["mean"]) == (0.75, 0.4)
    low, high = found["f1"]["interval"]
    assert low < 0.4 < high


def test_conditional_position_has_a_row_for_each_place_and_goes_on_where_it_was(place):
    words = ("--runs", str(place / "places"), "--width", "4", "--pictures", "40", "--threads", "1")
    record = measured(place, "conditional-position", *words)
    rows = record["result"]["rows"]
    assert set(rows) == {"real", *(f"g0-d{n}" for n in range(5)), *(f"g{n}-d1" for n in range(5))}
    assert rows["real"]["accuracy"]["mean"] > 0.9  # discs are easy
    assert rows["g0-d1"]["pictures"] == 40 and rows["real"]["pictures"] == 32
    recipe = json.loads((place / "places/g2-d1/run.json").read_text())["recipe"]
    assert (recipe["generator_position"], recipe["discriminator_position"]) == (2, 1)
    again = measured(place, "conditional-position", *words)["result"]["rows"]
    for row in (*rows.values(), *again.values()):
        row.pop("seconds", None)
    assert again == rows
    assert json.loads((place / "places/g2-d1/checkpoint.json").read_text())["total_step"] == 4
    page = conditional_position.report(record)
    assert "| generator | layer 4 |" in page and "0.928" in page and "discriminator: F1 is highest at" in page


def test_encoder_designs_measures_every_design_on_one_generator(place):
    words = [word for design in ("IND", "IND-COND", "SNG") for word in ("--run", str(place / design))]
    record = measured(place, "encoder-designs", *words, "--pictures", "60")
    rows = record["result"]["rows"]
    assert list(rows) == ["IND", "IND-COND", "SNG"]
    for row in rows.values():
        assert 0 < row["code_error"]["mean"] < 3 and row["image_error"]["mean"] > 0
    assert rows["IND"]["labels"]["accuracy"]["mean"] > 0.8  # Ey has learned; SNG's for one epoch alone
    assert rows["IND"]["labels"] == rows["IND-COND"]["labels"]
    page = encoder_designs.report(record)
    assert "| IND-COND |" in page and "0.432" in page and "Le: " in page


def test_encoders_of_another_generator_are_refused(place):
    sizes = (*SIZES, "--latent-size", "8", "--inverse-epochs", "1", "--attribute-epochs", "1")
    words = ("--generator-epochs", "1", "--seed", "1", "--design", "SNG")
    train("icgan", place / "celeba", place / "other", *sizes, *words)
    with pytest.raises(InputError, match="another generator's images"):
        measured(place, "encoder-designs", "--run", str(place / "IND"), "--run", str(place / "other"))
    with pytest.raises(InputError, match="not a run of icgan"):
        measured(place, "encoder-designs", "--run", str(place / "judge"))


def test_attribute_editing_says_what_is_seen_and_what_moves(place):
    words = ("--run", str(place / "IND"), "--sheets", str(place / "sheets"))
    record = measured(place, "attribute-editing", *words)
    result = record["result"]
    assert set(result["set"]) == set(ATTRIBUTES) and result["faces"] == 32
    for ways in result["set"].values():
        assert [way["value"] for way in ways] == [1, 0]
        assert sum(way["faces"] for way in ways) == 32  # each face shows one value or the other
        for way in (way for way in ways if way["faces"]):
            assert 0 <= way["seen"]["mean"] <= 1 and way["moved"]["mean"] > 0
    assert result["blended"]["largest_step"]["mean"] >= 1 / 8 and 0 <= result["swapped"]["taken"]["mean"] <= 1
    assert (place / "results/attribute-editing-sheet.png").is_file()
    assert {path.name for path in (place / "sheets").iterdir()} == {"fig-5b.png", "fig-6a.png", "fig-6b.png"}
    page = attribute_editing.report(record)
    assert "The means over all rows" in page and "Large=" in page and "Swapped, 32 pairs" in page


def test_a_judge_of_other_labels_is_refused(place):
    train("attributes", place / "celeba", place / "blind", *SIZES, "--epochs", "1", "--label", "Large")
    words = ["attribute-editing", "--data", str(place / "celeba"), "--judge", str(place / "blind")]
    with pytest.raises(InputError, match="trained on different labels"):
        run([*words, "--run", str(place / "IND"), "--results", str(place / "results")])


def test_digits_are_drawn_as_each_digit(tmp_path):
    random, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 64), ("test", 20)):
        arrays[f"x_{split}"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        arrays[f"y_{split}"] = np.arange(count, dtype=np.uint8) % 10
    np.savez(tmp_path / "mnist.npz", **arrays)
    epochs = ("--generator-epochs", "1", "--attribute-epochs", "1", "--inverse-epochs", "1")
    train("icgan", tmp_path / "mnist.npz", tmp_path / "run", *SIZES, "--latent-size", "8", *epochs)
    data, results = str(tmp_path / "mnist.npz"), tmp_path / "results"
    run(["digit-editing", "--data", data, "--run", str(tmp_path / "run"), "--results", str(results)])
    record = load("digit-editing", results)
    assert set(record["result"]["drawn"]) == set(map(str, range(10))) and record["result"]["digits"] == 20
    with Image.open(results / "digit-editing-sheet.png") as sheet:
        assert sheet.size == (11 * 28, 10 * 28)
    page = digit_editing.report(record)
    assert "All 20 test digits" in page and "| 9 |" in page


def test_slant_is_told_by_the_ink():
    upright, leaning = np.zeros((2, 28, 28), np.uint8)
    upright[4:24, 14] = 255
    for row in range(4, 24):
        leaning[row, 20 - row // 2] = 255
    found = slants(np.stack([upright, leaning]))
    assert found[0] == 0 and found[1] == pytest.approx(-0.5, abs=0.02)


def test_a_query_drawn_anew_is_searched_as_it_is_and_with_an_attribute_set(place):
    predictor = make_bundle(place / "bundles", "predictor", "euclidean", generator=True, attributes=True)
    about = json.loads((predictor / "model.json").read_text())
    names = ["Red_Background", "Large", "Dark"]
    about["attributes"]["labels"] = about["generator"]["labels"]["names"] = names
    (predictor / "model.json").write_text(json.dumps(about))
    search = make_bundle(place / "bundles", "search")
    words = ["--data", str(place / "celeba"), "--set-by", str(predictor), "--encoder", str(search)]
    run(["redrawn-search", *words, "--attribute", "Red_Background", "--results", str(place / "results")])
    record = load("redrawn-search", place / "results")
    result = record["result"]
    assert result["measured_on"] == 32 and result["generator"]["name"] == "predictor"
    for way in result["asked"]["Red_Background"]:
        # Its first label is how red the whole picture is.
        assert way["asked"]["set"]["mean"] > way["asked"]["as_it_is"]["mean"]
    page = redrawn_search.report(record)
    assert "settings meet it" in page and "| Red_Background=1 |" in page
