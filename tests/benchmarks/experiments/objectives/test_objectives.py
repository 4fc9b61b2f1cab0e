"""The experiment objectives, on tiny runs on drawn digits, and its pages."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.experiments.objectives.page import report  # noqa: E402
from benchmarks.experiments.objectives.run import VARIANTS, trials  # noqa: E402
from indexer.errors import InputError  # noqa: E402
from latentsearch.training.engine.registry import choose_recipe  # noqa: E402


def draw_digits(count, seed):
    """Draw digits (n, 28, 28) that are rectangles of ten heights, and their labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count, dtype=np.uint8)
    images = []
    for label in labels:
        picture = Image.new("L", (28, 28))
        ImageDraw.Draw(picture).rectangle([6, 6, 14, 7 + 1.5 * label], fill=255)
        images.append(np.asarray(picture))
    return np.stack(images), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("objectives")
    (x_train, y_train), (x_test, y_test) = draw_digits(320, 0), draw_digits(80, 1)
    np.savez(place / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    study(place)
    return place


def study(place):
    words = ["objectives", f"--data={place / 'mnist.npz'}", f"--runs={place / 'runs'}", f"--results={place}"]
    run([*words, "--variant=as it is", "--variant=no GAN", "--seeds=1", "--epochs=1", "--width=4"])


def test_each_variant_has_its_measurements(folder):
    result = load("objectives-digits", folder)["result"]
    assert [row["variant"] for row in result["rows"]] == ["as it is", "no GAN"]
    for row in result["rows"]:
        [measured] = row["runs"]
        assert len(measured["same"]) == 10 and 0 <= measured["mean"] <= 1 and 0 < measured["squared_error"] < 1
    lines = (folder / "runs" / "digits-no-GAN-0" / "stats.jsonl").read_text().splitlines()
    assert not any("discriminator_loss" in json.loads(line) for line in lines)


def test_finished_runs_are_neither_trained_nor_measured_again(folder):
    scores = folder / "runs" / "digits-as-it-is-0" / "scores.json"
    before = scores.read_text()
    scores.write_text(json.dumps({**json.loads(before), "mean": 0.123}))
    study(folder)
    assert load("objectives-digits", folder)["result"]["rows"][0]["runs"][0]["mean"] == 0.123
    scores.write_text(before)


def test_the_page_names_the_worst_digit():
    same = [0.9] * 10
    same[4] = 0.25
    runs = [{"seed": seed, "same": same, "mean": 0.8, "squared_error": 0.05} for seed in range(2)]
    row = {"variant": "as it is", "about": "all of it", "fields": {}, "runs": runs}
    record = {
        "name": "objectives-digits",
        "result": {"seed": 0, "content": "digits", "epochs": 2, "batch": 64, "rows": [row]},
        **{"command": "python -m benchmarks objectives", "commit": "0" * 40, "date": "2026-12-01", "dirty": False},
        **{"seed": 0, "machine": {"processor": "x", "cores": 2, "versions": {}}},
    }
    assert "| as it is | 0.800, 0.800 | 0.250 (4), 0.250 (4) | 0.0500, 0.0500 |" in report(record)


@pytest.mark.parametrize("content", ["ring", "digits", "pictures"])
def test_the_variants_change_what_the_presets_have(content, tmp_path):
    recipe = choose_recipe("ivegan", content, "small", {})
    names = [trial.variant for trial in trials(tmp_path, content, tuple(VARIANTS), 1)]
    assert names[0] == "the paper's" and names[-2:] == ["as it is", "no GAN"]
    for name in names:
        assert all(hasattr(recipe, field) for field in VARIANTS[name][1])


def test_other_data_is_refused(tmp_path):
    images = np.zeros((40, 32, 32, 3), np.uint8)
    labels = np.zeros(40, np.uint8)
    np.savez(tmp_path / "cifar.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(InputError, match="name ring"):
        run(["objectives", f"--data={tmp_path / 'cifar.npz'}", f"--results={tmp_path}"])
