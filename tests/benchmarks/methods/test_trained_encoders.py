"""The benchmarks that need a training run, on drawn faces and tiny networks."""

import json

import pytest

pytest.importorskip("torch")

from click.testing import CliRunner

from benchmarks.__main__ import run as benchmarks
from benchmarks.core.results import load
from latentsearch.cli import main
from tests.benchmarks.drawn_celeba import make_drawn_celeba


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        make_drawn_celeba(folder / "celeba")
        options = ["--width", "4", "--batch", "16", "--generator-epochs", "2", "--inverse-epochs", "2"]
        latentsearch("train", "aegan", str(folder / "celeba"), "-o", str(folder / "run"), *options)
        yield folder


def latentsearch(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output


def test_precision_compares_what_a_run_is_exported_as(place):
    options = ["--data", str(place / "celeba"), "--run", str(place / "run"), "--results", str(place / "results")]
    benchmarks(["precision", *options])
    result = load("precision", place / "results")["result"]
    assert result["fp32"]["mean_cosine"] == pytest.approx(1, abs=1e-4) and result["fp32"]["overlap@20"] == 1
    assert result["fp16"]["mean_cosine"] > 0.9  # 64 faces hardly determine a whitening of 100 numbers
    assert result["fp16"]["megabytes"] < result["fp32"]["megabytes"]
    assert set(result["images_per_second"]) == {"fp32", "fp16", "int8"}


def test_scores_are_recorded_in_the_bundle(place):
    latentsearch("export", str(place / "run"), "-o", str(place / "bundle"))
    options = ["--methods", "none", "--bundle", str(place / "bundle"), "--results", str(place / "results")]
    benchmarks(["label-similarity", "--data", str(place / "celeba"), *options, "--record"])
    model = json.loads((place / "bundle/model.json").read_text())
    [row] = [row for row in load("label-similarity", place / "results")["result"]["methods"] if row["key"] == "bundle"]
    assert model["scores"]["agreement@20"] == pytest.approx(row["agreement"]["20"]["mean"], abs=1e-4)
    assert f"agreement@20: {model['scores']['agreement@20']}" in (place / "bundle/MODEL_CARD.md").read_text()


def test_training_speed_compares_steps_in_turn(tmp_path):
    options = ["--width", "4", "--batch", "4", "--pairs", "3", "--device", "cpu", "--results", str(tmp_path)]
    benchmarks(["training-speed", *options])
    result = load("training-speed", tmp_path)["result"]
    for step in ("generator_step", "inverse_step", "contrastive_step"):
        assert len(result[step]["ratios_by_turn"]["chosen"]) == 3
        assert result[step]["images_per_second"]["chosen"] > 0
        assert "bf16" in result[step]["ratios"] or result["precision"] == "cpu bfloat16"
