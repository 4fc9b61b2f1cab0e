"""The MNIST experiment: its measures on codes that are known, and the experiment and its page on tiny runs."""

import copy
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.experiments.mnist.cloud import cloud_page  # noqa: E402
from benchmarks.experiments.mnist.page import report  # noqa: E402
from benchmarks.statistics.neighbours_vote import neighbours_vote, principal_components  # noqa: E402
from indexer.errors import InputError  # noqa: E402
from tests.latentsearch.one_family import train  # noqa: E402
from tests.support import make_folder  # noqa: E402

NAME = "mnist"
TINY = ("--width", "4", "--batch", "32", "--epochs", "1", "--threads", "1")


def draw_digits(count, seed):
    """Digits (n, 28, 28) that are rectangles, and their labels: 0 to 9 by the height of the rectangle."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count, dtype=np.uint8)
    images = []
    for label in labels:
        picture = Image.new("L", (28, 28))
        left, top = random.integers(4, 8, 2)
        ImageDraw.Draw(picture).rectangle([left, top, left + 8, top + 1 + 1.5 * label], fill=255)
        images.append(np.asarray(picture))
    return np.stack(images), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("mnist")
    (x_train, y_train), (x_test, y_test) = draw_digits(320, 0), draw_digits(80, 1)
    np.savez(place / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    for size in ("3", "16"):
        train("ivegan", place / "mnist.npz", place / f"ivegan{size}", *TINY, "--latent-size", size)
    train("autoencoder", place / "mnist.npz", place / "autoencoder3", *TINY, "--latent-size", "3")
    words = [NAME, f"--data={place / 'mnist.npz'}", f"--results={place / 'results'}"]
    run([*words, *(f"--run={place / name}" for name in ("ivegan3", "ivegan16", "autoencoder3"))])
    return place


@pytest.fixture(scope="module")
def results(folder):
    return folder / "results"


@pytest.fixture(scope="module")
def record(results):
    return load(NAME, results)


def test_the_vote_is_the_commonest_and_of_several_the_nearest():
    gallery, labels = np.arange(6, dtype=np.float32)[:, None], np.array([3, 1, 1, 2, 2, 7])
    assert neighbours_vote(gallery, labels, np.array([[0.0]], np.float32)).tolist() == [1]
    labels = np.array([3, 1, 1, 1, 2, 7])
    assert neighbours_vote(gallery, labels, np.array([[5.0]], np.float32)).tolist() == [1]


def test_principal_components_are_the_directions_of_most_variance():
    random = np.random.default_rng(0)
    train_ = (random.standard_normal((500, 4)) * [1, 10, 0.1, 5] + 3).astype(np.float32)
    codes, same = principal_components(train_, train_, 2)
    assert np.array_equal(codes, same) and codes.shape == (500, 2)
    assert np.abs(np.corrcoef(codes[:, 0], train_[:, 1])[0, 1]) > 0.99
    assert np.abs(np.corrcoef(codes[:, 1], train_[:, 3])[0, 1]) > 0.99
    assert np.allclose(codes.mean(0), 0, atol=1e-3)


def test_a_row_for_every_code(record):
    rows = {row["key"]: row for row in record["result"]["rows"]}
    assert list(rows) == ["pixels", "pca-3", "pca-16", "ivegan-3", "ivegan-16", "autoencoder-3"]
    assert [row["size"] for row in rows.values()] == [784, 3, 16, 3, 16, 3]
    for row in rows.values():
        low, high = row["knn"]["interval"]
        assert 0 <= low <= row["knn"]["mean"] <= high <= 1
    assert rows["pixels"]["knn"]["mean"] > 0.5
    assert rows["autoencoder-3"]["same_digit"] == rows["autoencoder-3"]["same_digit_without_noise"]
    assert "same_digit" not in rows["pca-3"]


def test_raw_results_give_the_scores_again(results, record):
    rows = {row["key"]: row for row in record["result"]["rows"]}
    with np.load(results / f"{NAME}.npz") as arrays:
        labels = arrays["labels"]
        assert (arrays["pixels_votes"] == labels).mean() == pytest.approx(rows["pixels"]["knn"]["mean"], abs=1e-4)
        same = (arrays["ivegan-3_read"] == arrays["read"]).mean()
        assert same == pytest.approx(rows["ivegan-3"]["same_digit"]["mean"], abs=1e-4)
        assert arrays["ivegan-16_samples"].shape == (64, 28, 28)
        assert arrays["ivegan-3_cloud"].shape == (80, 3)
        assert "autoencoder-3_samples" not in arrays


def test_the_classifier_learns(record):
    assert record["result"]["classifier"]["accuracy"]["mean"] > 0.2  # ten rectangles, ten batches


def test_the_page_comes_from_stored_results_alone(results, record):
    run(["report", "--results", str(results), "--readme", str(results / "README.md")])
    page = (results / f"{NAME}.md").read_text()
    assert "| IVE-GAN | 16 |" in page and "| PCA of pixels | 3 |" in page
    for name in (f"{NAME}.png", f"{NAME}-cloud.png"):
        with Image.open(results / name) as picture:
            assert picture.width > 600
    for above, below in pairwise(page.splitlines()):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")
    assert str(results) not in json.dumps(record)


def test_the_cloud_needs_no_network_and_little_room():
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 5_000, dtype=np.uint8)
    html = cloud_page(random.uniform(-1, 1, (5_000, 3)), labels, "Title", "Text.")
    assert len(html) < 100_000
    assert not re.search(r"https?:|src=|@import|url\(", html)
    assert "{{" not in html and "<title>Title</title>" in html


@pytest.fixture(scope="module")
def arrays(results):
    with np.load(results / f"{NAME}.npz") as stored:
        return dict(stored)


def test_the_verdict(record, arrays):
    record = copy.deepcopy(record)
    rows = {row["key"]: row for row in record["result"]["rows"]}
    rows["ivegan-3"]["same_digit"]["mean"], rows["ivegan-3"]["knn"]["mean"] = 0.81, 0.8
    again = arrays["read"].copy()
    again[arrays["labels"] == 4] = 99
    page = report(record, arrays | {"ivegan-3_read": again})
    assert "- 3 numbers: same digit 0.810, required 0.80: met; the worst digit, 4, 0.000, required 0.60: miss" in page
    assert "nearest neighbours 0.800, required 0.85: missed by 0.050." in page
    assert "| IVE-GAN | 3 | 1.000 | 1.000 | 1.000 | 1.000 | 0.000 | 1.000 |" in page
    record["result"]["rows"].remove(rows["ivegan-16"])
    assert "- 16 numbers: not measured." in report(record, arrays)


def test_the_page_says_how_the_discriminator_is_not_the_papers(record, arrays):
    record = copy.deepcopy(record)
    said = "Unlike the paper's, D also reads the distances and products of two digits' features and is also trained"
    assert report(record, arrays).count(said) == 2
    for row in record["result"]["rows"]:
        if row["kind"] == "ivegan":
            row["run"]["recipe"] |= {"compared": False, "mismatched": False, "reconstruction": 20.0}
    page = report(record, arrays)
    assert "Unlike the paper's" not in page and page.count("minimise 20 times the squared error of a pixel") == 2


def test_a_run_on_pictures_is_refused(folder, tmp_path):
    make_folder(tmp_path / "pictures", 32)
    train("ivegan", tmp_path / "pictures", tmp_path / "run", *TINY)
    with pytest.raises(InputError, match="no run on digits"):
        run([NAME, f"--data={folder / 'mnist.npz'}", f"--run={tmp_path / 'run'}", f"--results={tmp_path}"])


def test_two_runs_of_one_kind_are_refused(folder, tmp_path):
    runs = [f"--run={folder / 'ivegan3'}"] * 2
    with pytest.raises(InputError, match="same family and latent size"):
        run([NAME, f"--data={folder / 'mnist.npz'}", *runs, f"--results={tmp_path}"])


def test_the_digits_are_not_overwritten_by_the_results(tmp_path):
    data = tmp_path / "mnist.npz"
    data.write_bytes(b"the digits")
    with pytest.raises(InputError, match="name another folder"):
        run(["mnist", "--data", str(data), "--run", str(tmp_path), "--results", str(tmp_path)])
    assert data.read_bytes() == b"the digits"
