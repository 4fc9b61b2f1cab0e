"""The rows without a network, the best layer of a network read by parts, and the differences from the best row."""

import json

import numpy as np
import pytest

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.methods.by_parts import gradient_features, pixel_features
from indexer.encoders.encoder import load_encoder
from tests.benchmarks.drawn_celeba import make_drawn_celeba
from tests.support import draw_picture

NAME = "label-similarity"
ROWS = ("symmetric-pixels", "gradients-directions")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        # Fitted in a moment: two small parts.
        small = {"nose": 20, "mouth": 20}
        patch.setattr("benchmarks.methods.by_parts.DIRECTION_AXES", small)
        data = make_drawn_celeba(folder / "celeba")
        run([NAME, f"--data={data}", f"--methods={','.join(ROWS)}", "--bundle=parts", f"--results={folder}"])
        run([NAME, f"--data={data}", "--methods=pixels", "--bundle=contrastive", "--keep", f"--results={folder}"])
        run(["report", f"--results={folder}", f"--readme={_readme(folder)}"])
    return folder


def _readme(folder):
    path = folder / "README.md"
    path.write_text("<!-- label-table -->\n<!-- /label-table -->\n")
    return path


@pytest.fixture(scope="module")
def by_key(results):
    return {row["key"]: row for row in load(NAME, results)["result"]["methods"]}


def test_codes_by_parts_see_what_is_drawn(by_key):
    for key in (*ROWS, "parts"):
        assert by_key[key]["agreement"]["1"]["mean"] > 0.75 > 0.5 + 0.06


def test_every_row_states_its_difference_from_the_best_without_a_network(results, by_key):
    summary = load(NAME, results)["result"]
    without = [*ROWS, "parts", "pixels"]
    best = max(without, key=lambda key: by_key[key]["agreement"]["20"]["mean"])
    assert summary["baseline"] == best
    for row in by_key.values():
        stated = row["agreement"]["20"]["beyond_baseline"]
        expected = row["agreement"]["20"]["mean"] - by_key[best]["agreement"]["20"]["mean"]
        assert stated["mean"] == pytest.approx(expected, abs=2e-5)
        assert stated["interval"][0] <= stated["mean"] <= stated["interval"][1]


def test_the_readme_has_some_rows_and_says_who_is_ahead(results):
    text = (results / "README.md").read_text()
    assert "bundle parts" in text and "symmetric pixels" in text and "random" not in text
    ahead = load(NAME, results)["result"]
    (row,) = [row for row in ahead["methods"] if row["key"] == "contrastive"]
    passes = row["agreement"]["20"]["beyond_baseline"]["interval"][0] > 0
    assert ("Networks beat the codes" if passes else "Networks do not yet beat the codes") in text
    assert "best code made without a network" in (results / f"{NAME}.md").read_text()


def test_features_are_those_of_the_mirror_image_too():
    pictures = np.stack([np.asarray(draw_picture(seed, (64, 64))) for seed in range(3)])
    for compute in (pixel_features, gradient_features):
        features, mirrored = compute(pictures), compute(pictures[:, :, ::-1])
        for name, rows in features.items():
            assert len(rows) == 3 and np.isfinite(rows).all()
            np.testing.assert_allclose(mirrored[name], rows, atol=1e-3)


def test_parts_of_pixels_are_area_means():
    pictures = np.zeros((1, 64, 64, 3), np.uint8)
    pictures[:, 12:52, 12:52] = 255  # the middle
    features = pixel_features(pictures)
    np.testing.assert_allclose(features["middle"], 2, atol=1e-5)
    assert features["whole"].mean() == pytest.approx(2 * (40 / 64) ** 2)


def test_the_best_layer_of_a_network_is_read_by_parts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.methods.layers_by_parts.NAMED", {"faces": _two_parts()})
    monkeypatch.setattr("benchmarks.methods.layers_by_parts.FEWEST_ROWS", 8)
    data = make_drawn_celeba(tmp_path / "celeba")
    run([NAME, f"--data={data}", "--methods=none", "--bundle=aegan", "--by-parts", f"--results={tmp_path}"])
    result = load(NAME, tmp_path)["result"]
    row = result["methods"][-1]
    assert row["key"] == "aegan-by-parts" and "by parts" in row["name"]
    assert row["agreement"]["1"]["mean"] > 0.75 > 0.5 + 0.06
    layers = len(json.dumps(result))
    assert layers and load_encoder("aegan").name == "aegan"


def _two_parts():
    from latentsearch.parts.boxes import Part

    return (Part("middle", (0.25, 0.25, 0.75, 0.75)), Part("low", (0.25, 0.5, 0.75, 0.9)))
