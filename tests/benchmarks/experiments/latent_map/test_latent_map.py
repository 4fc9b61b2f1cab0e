"""The map of codes: what neighbours share, on drawn faces whose attributes are what is drawn."""

import shutil

import numpy as np
import pytest

from benchmarks.__main__ import run
from benchmarks.core.metrics import bootstrap_weights
from benchmarks.core.results import load
from benchmarks.experiments.latent_map import map_statistics
from benchmarks.experiments.latent_map import page as latent_map_page
from benchmarks.experiments.latent_map import run as latent_map
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import ATTRIBUTES, TRAIN, make_drawn_celeba
from tests.support import make_bundle

NAME = "latent-map"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(latent_map, "ATTRIBUTES", ATTRIBUTES)
        yield make_drawn_celeba(tmp_path_factory.mktemp("data") / "celeba")


@pytest.fixture(scope="module")
def results(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("results")
    bundle = make_bundle(folder / "bundles", "tiny", "euclidean")
    run([NAME, "--data", str(drawn), "--bundle", str(bundle), "--faces", "48", "--results", str(folder)])
    return folder


@pytest.fixture(scope="module")
def summary(results):
    return load(NAME, results)["result"]


def test_pixels_raw_codes_and_whitened_codes_are_mapped(summary):
    assert [(method["key"], method["distance"]) for method in summary["methods"]] == [
        ("pixels", "euclidean"), ("tiny", "euclidean"), ("tiny-whitened", "cosine")
    ]  # fmt: skip
    assert summary["protocol"]["faces"] == 48
    assert summary["encoders"]["tiny"]["sha256"]


def test_every_share_lies_within_its_interval(summary):
    for method in summary["methods"]:
        for place in ("codes", "plane"):
            for name in ATTRIBUTES:
                for measure in ("having", "balanced"):
                    score = method["sharing"][place][name][measure]
                    low, high = score["interval"]
                    assert 0 <= low <= score["mean"] <= high <= 1


def test_neighbours_share_what_is_drawn_large(summary):
    pixels = summary["methods"][0]["sharing"]["codes"]["Red_Background"]
    assert pixels["having"]["mean"] > 0.9 > summary["chance"]["Red_Background"]["having"] + 0.2
    assert pixels["having"]["beyond_baseline"] == {"mean": 0, "interval": [0, 0]}


def test_raw_results_give_the_shares_again(results, summary):
    with np.load(results / f"{NAME}.npz") as raw:
        attributes, near = raw["attributes"], raw["tiny_near_in_plane"]
        assert raw["tiny_plane"].shape == (48, 2) and raw["tiny_plane"].dtype == np.float16
    for column, name in enumerate(ATTRIBUTES):
        share = near[attributes[:, column] == 1, column].mean() / 10
        stored = summary["methods"][1]["sharing"]["plane"][name]["having"]["mean"]
        assert share == pytest.approx(stored, abs=1e-5)


def test_sharing_of_neighbours_that_are_known():
    # Three faces have it; their neighbours by tens: all, half, none have it. One lacks it, of whose ten three have it.
    near, attribute = np.array([10, 5, 0, 3], np.uint8), np.array([1, 1, 1, 0], np.uint8)
    shared = map_statistics.sharing(near, attribute, np.full((1, 4), 0.25))
    assert shared["having"][0] == pytest.approx(0.5)
    assert shared["balanced"][0] == pytest.approx((0.5 + 0.7) / 2)


def test_random_codes_share_as_chance_does():
    random = np.random.default_rng(0)
    attributes = (random.random((600, 1)) < 0.2).astype(np.uint8)
    near = latent_map.neighbours_with(attributes, random.standard_normal((600, 8)), "euclidean")
    shared = map_statistics.sharing(near[:, 0], attributes[:, 0], bootstrap_weights(600, 200, 0))
    low, high = np.percentile(shared["having"], [0.5, 99.5])
    assert low < attributes.mean() < high
    assert shared["balanced"].mean() == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_map(results, drawn, tmp_path):
    bundle = results / "bundles" / "tiny"
    run([NAME, "--data", str(drawn), "--bundle", str(bundle), "--faces", "48", "--results", str(tmp_path)])
    with np.load(results / f"{NAME}.npz") as first, np.load(tmp_path / f"{NAME}.npz") as second:
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])


def test_rows_of_other_codes_are_kept(results, drawn, tmp_path):
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    bundle = make_bundle(tmp_path / "bundles", "other", "cosine")
    options = [NAME, "--data", str(drawn), "--results", str(tmp_path), "--keep", "--bundle", str(bundle)]
    with pytest.raises(InputError, match="another protocol"):
        run([*options, "--faces", "48", "--seed", "1"])
    run([*options, "--faces", "48"])
    before, after = (load(NAME, folder)["result"] for folder in (results, tmp_path))
    assert [row["key"] for row in after["methods"]] == ["pixels", "tiny", "tiny-whitened", "other"]
    assert after["methods"][:3] == before["methods"]
    assert after["kept"][0]["methods"] == ["pixels", "tiny", "tiny-whitened"]
    with np.load(results / f"{NAME}.npz") as first, np.load(tmp_path / f"{NAME}.npz") as second:
        assert set(second) == {*first, "other_plane", "other_near", "other_near_in_plane"}
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])


def test_without_stored_rows_there_is_nothing_to_keep(drawn, tmp_path):
    bundle = make_bundle(tmp_path / "bundles", "tiny", "euclidean")
    with pytest.raises(InputError, match="no results of latent-map"):
        run([NAME, "--data", str(drawn), "--results", str(tmp_path), "--keep", "--bundle", str(bundle)])


def test_the_page_has_verdict_tables_and_plot(results, tmp_path):
    written = latent_map_page.write(load(NAME, results), results)
    assert [path.name for path in written] == ["latent-map.md", "latent-map.png"]
    text = written[0].read_text()
    for words in ("balanced: m", "red background", "a random face", "Seed 0, commit"):
        assert words in text
    assert str(results) not in text
    assert written[1].stat().st_size > 10_000


def test_pixels_are_projected_by_their_principal_components():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3_000), dtype=np.uint8)
    assert latent_map.project(pixels, 0).shape == (40, 2)


def test_what_is_missing_is_one_sentence(drawn, tmp_path, monkeypatch):
    options = [NAME, "--data", str(drawn), "--results", str(tmp_path)]
    with pytest.raises(InputError, match="nothing to map"):
        run(options)
    monkeypatch.setattr(latent_map, "ATTRIBUTES", ("Bangs", "Large"))
    with pytest.raises(InputError, match="the faces have no attribute Bangs"):
        run([*options, "--bundle", "aegan"])


def test_an_attribute_that_everybody_has_is_refused(drawn):
    from dataclasses import replace

    from benchmarks.datasets.celeba import load_faces

    faces = load_faces(drawn, "train")
    same = replace(faces, attributes=np.ones((TRAIN, 3), np.uint8))
    with pytest.raises(InputError, match="too few of these 64 faces differ in Red_Background"):
        map_statistics.chosen_attributes(same, ATTRIBUTES)
