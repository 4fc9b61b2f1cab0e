import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.methods.encoders import Untrained
from benchmarks.methods.methods import Pixels, whitened
from benchmarks.methods.reference import check_against_reference, same_person_deviations
from benchmarks.statistics.label_statistics import expected_hit_rate
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import ATTRIBUTES, TRAIN, VALIDATION, make_drawn_celeba
from tests.support import make_bundle

NAME = "label-similarity"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory, cache):
    return make_drawn_celeba(tmp_path_factory.mktemp("data") / "celeba")


@pytest.fixture(scope="module")
def results(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("results")
    bundles = [make_bundle(folder / "bundles", f"tiny-{distance}", distance) for distance in ("cosine", "euclidean")]
    baselines = "dhash,phash,ahash,whash,colours,pixels,pca,pca-whitened,pca-cosine"
    options = ["--data", str(data), "--methods", baselines, "--results", str(folder)]
    run([NAME, *options, *(f"--bundle={bundle}" for bundle in bundles)])
    return folder


@pytest.fixture(scope="module")
def summary(results):
    return load(NAME, results)["result"]


@pytest.fixture(scope="module")
def by_key(summary):
    return {method["key"]: method for method in summary["methods"]}


def test_a_row_for_every_method_in_order(by_key):
    assert list(by_key) == [
        "random", "oracle", "dhash", "phash", "ahash", "whash", "colours", "pixels", "pca", "pca-whitened",
        "pca-cosine", "tiny-cosine", "tiny-euclidean", "tiny-euclidean-whitened",
    ]  # fmt: skip


def test_the_protocol_is_stored(summary):
    assert summary["protocol"]["gallery"] == TRAIN
    assert summary["protocol"]["queries"] == VALIDATION
    assert summary["protocol"]["attributes"] == list(ATTRIBUTES)
    assert summary["left_out"] == {}
    assert summary["encoders"]["tiny-cosine"]["sha256"]


def test_every_score_is_a_share_within_its_interval(by_key):
    for method in by_key.values():
        for score in (*method["agreement"].values(), *method["same_person"].values()):
            low, high = score["interval"]
            assert 0 <= low <= score["mean"] <= high <= 1
        assert np.shape(method["by_attribute"]["20"]) == (len(ATTRIBUTES),)
        assert np.mean(method["by_attribute"]["20"]) == pytest.approx(method["agreement"]["20"]["mean"], abs=1e-4)


def test_chance_and_oracle(summary, by_key):
    # Every combination of the three attributes is equally frequent.
    assert summary["chance"]["agreement"] == pytest.approx(0.5)
    assert by_key["random"]["agreement"]["20"]["mean"] == pytest.approx(0.5, abs=0.06)
    assert by_key["oracle"]["agreement"]["1"]["mean"] == 1
    assert by_key["oracle"]["agreement"]["1"]["corrected"] == 1
    for method in by_key.values():
        for k, score in method["agreement"].items():
            assert score["mean"] <= by_key["oracle"]["agreement"][k]["mean"]


def test_codes_that_see_what_is_drawn_find_it(by_key):
    for key in ("pixels", "pca", "tiny-cosine", "tiny-euclidean"):
        assert by_key[key]["agreement"]["1"]["mean"] > 0.9
        assert by_key[key]["same_person"]["1"]["mean"] > 0.9


def test_draws_of_few_queries_spread_more_than_all_of_them(results, data, monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.statistics.label_statistics.DRAW_SIZE", 8)
    run([NAME, "--data", str(data), "--methods", "dhash", "--results", str(tmp_path)])
    score = load(NAME, tmp_path)["result"]["methods"][2]["agreement"]["1"]
    low, high = score["draws"]["spread"]
    assert score["draws"]["mean"] == pytest.approx(score["mean"], abs=0.01)
    assert high - low > score["interval"][1] - score["interval"][0]


def test_raw_results_give_the_means_again(results, by_key):
    with np.load(results / f"{NAME}.npz") as raw:
        counts, ranks = raw["dhash_counts"], raw["dhash_person_ranks"]
    means = (counts / (np.array([1, 5, 20]) * len(ATTRIBUTES))).mean(axis=0)
    assert means == pytest.approx([score["mean"] for score in by_key["dhash"]["agreement"].values()], abs=1e-5)
    assert (ranks == 1).mean() == pytest.approx(by_key["dhash"]["same_person"]["1"]["mean"], abs=1e-5)


def test_kept_rows_and_raw_results_stay(results, data, tmp_path, by_key):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    options = ["--data", str(data), "--methods", "pixels", "--results", str(folder), "--keep"]
    run([NAME, *options, f"--bundle={folder / 'bundles' / 'tiny-cosine'}"])
    again = {row["key"]: row for row in load(NAME, folder)["result"]["methods"]}
    assert list(again) == list(by_key)
    assert again["dhash"] == by_key["dhash"] and again["pixels"]["agreement"]["1"]["mean"] > 0
    with np.load(folder / f"{NAME}.npz") as raw:
        assert {f"{key}_counts" for key in by_key} <= set(raw.files)


def test_the_same_seed_gives_the_same_numbers(data, tmp_path, by_key, monkeypatch):
    run([NAME, "--data", str(data), "--methods", "dhash", "--results", str(tmp_path)])
    again = {method["key"]: method for method in load(NAME, tmp_path)["result"]["methods"]}
    for key in ("random", "oracle", "dhash"):
        for k, score in again[key]["agreement"].items():
            del score["beyond_baseline"]  # the best of what was measured, which is other rows here
            assert {name: by_key[key]["agreement"][k][name] for name in score} == score


def test_stored_results_name_no_folder_of_this_machine(results, data):
    text = (results / f"{NAME}.json").read_text()
    assert str(data) not in text


@pytest.mark.parametrize(
    ("identities", "k", "expected"),
    [([1, 1, 2, 2], 1, 1 / 3), ([1, 1, 2, 2], 3, 1.0), ([1, 2, 3], 2, 0.0), ([5, 5, 5], 1, 1.0)],
)
def test_expected_hit_rate(identities, k, expected):
    assert expected_hit_rate(np.array(identities), k) == pytest.approx(expected)


def test_other_faces_are_not_compared_with_the_reference(summary):
    assert summary["reference"]["comparable"] is False


def test_the_reference_notices_a_figure_that_is_off(summary, by_key, tmp_path):
    protocol = summary["protocol"]
    figures = tmp_path / "reference.toml"
    agreement = [by_key["dhash"]["agreement"][k]["mean"] for k in ("1", "5", "20")]
    agreement[1] += 0.01
    figures.write_text(
        f"tolerance = 0.005\ngallery_names_sha256 = '{protocol['gallery_names_sha256']}'\n"
        f"queries_names_sha256 = '{protocol['queries_names_sha256']}'\n[rows]\ndhash = {{ agreement = {agreement} }}\n"
    )
    check = check_against_reference(summary, figures)
    assert check["agree"] is False
    assert [row["within"] for row in check["rows"]] == [True, False, True]
    assert check["rows"][1]["deviation"] == pytest.approx(-0.01, abs=1e-5)


def test_same_person_stands_beside_its_standard_error(summary, by_key, tmp_path):
    figures = tmp_path / "reference.toml"
    first, tenth = (by_key["dhash"]["same_person"][k]["mean"] for k in ("1", "10"))
    figures.write_text(f"[same_person]\ndhash = [{first}, {tenth + 0.25}]\nother = [0.1, 0.2]\n")
    one, ten = same_person_deviations(summary, figures)
    assert (one["method"], one["score"], one["deviation"]) == ("dhash", "same_person@1", 0)
    assert ten["deviation"] == pytest.approx(-0.25)
    assert one["standard_error"] == pytest.approx((first * (1 - first) / summary["protocol"]["queries"]) ** 0.5)


def test_an_unknown_method_is_refused(data, tmp_path):
    with pytest.raises(InputError, match=r"no method dhsh: choose from random, oracle, dhash"):
        run([NAME, "--data", str(data), "--methods", "dhsh", "--results", str(tmp_path)])


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"list_attr_celeba\.txt"):
        run([NAME, "--data", str(tmp_path), "--results", str(tmp_path)])


def test_whitened_codes_have_length_1_and_no_common_direction(data):
    from benchmarks.datasets.celeba import load_faces

    gallery = load_faces(data, "train")
    method = whitened(Pixels(side=4), "small pixels, whitened")
    method.fit(gallery)
    codes = method.codes(gallery)
    assert np.linalg.norm(codes, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(codes.mean(axis=0)).max() < 0.1


def test_an_untrained_encoder_encodes(data):
    pytest.importorskip("torch")
    from benchmarks.datasets.celeba import load_faces

    queries = load_faces(data, "validation")
    first, second = Untrained(seed=1), Untrained(seed=1)
    for method in (first, second):
        method.fit(queries)
    codes = first.codes(queries)
    assert codes.shape == (VALIDATION, 100)
    assert np.ptp(codes, axis=0).min() > 0
    assert codes == pytest.approx(second.codes(queries), abs=1e-5)


def test_a_training_run_gives_a_raw_and_a_whitened_row(data, tmp_path):
    pytest.importorskip("torch")
    from latentsearch.cli import main

    run_folder = tmp_path / "run"
    tiny = ["--width", "4", "--batch", "8", "--generator-epochs", "1", "--inverse-epochs", "1", "--threads", "1"]
    trained = CliRunner().invoke(main, ["train", "aegan", str(data), "-o", str(run_folder), *tiny])
    assert trained.exit_code == 0, trained.stderr
    shutil.copytree(run_folder, tmp_path / "again")
    bundle = make_bundle(tmp_path)
    runs = [f"--run={run_folder}", f"--run={tmp_path / 'again'}"]
    run([NAME, f"--data={data}", *runs, f"--bundle={bundle}", "--methods=none", f"--results={tmp_path}"])
    result = load(NAME, tmp_path)["result"]
    rows = result["methods"]
    assert [(row["key"], row["distance"]) for row in rows] == [
        ("random", "hamming"), ("oracle", "hamming"), ("run-aegan", "euclidean"), ("run-aegan-whitened", "cosine"),
        ("run-aegan-2", "euclidean"), ("run-aegan-2-whitened", "cosine"), ("tiny", "cosine"),
    ]  # fmt: skip
    assert [row["name"] for row in rows[2:6:2]] == ["AEGAN (run)", "AEGAN (again)"]
    assert rows[2]["agreement"] == rows[4]["agreement"]
    assert result["encoders"]["run-aegan"]["recipe"]["width"] == 4
