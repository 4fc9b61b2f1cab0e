"""Classes among nearest neighbours: the experiment and its page, on digits and photographs that are drawn."""

import re

import numpy as np
import pytest

from benchmarks.__main__ import run
from benchmarks.core.results import load
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import make_drawn_celeba

NAME = "class-neighbours"


def draw(count, seed, colours):
    """Squares of a class's size somewhere on a noisy ground: uint8 (n, 32, 32, 3) or (n, 28, 28), and the classes."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, 4, count)
    side = 32 if colours else 28
    images = random.integers(0, 60, (count, side, side), dtype=np.uint8)
    for image, size in zip(images, 4 + 5 * classes, strict=True):
        top, left = random.integers(0, side - size, 2)
        image[top : top + size, left : left + size] = 250
    return (np.repeat(images[..., None], 3, 3) if colours else images), classes.astype(np.uint8)


def measured(folder, data, colours):
    (x_train, y_train), (x_test, y_test) = draw(240, 0, colours), draw(60, 1, colours)
    path = folder / f"{data}.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    run([NAME, f"--data={path}", "--bundle=contrastive", f"--results={folder}"])
    run(["report", f"--results={folder}", f"--readme={folder / 'README.md'}"])
    return load(f"{NAME}-{data}", folder)["result"], (folder / f"{NAME}-{data}.md").read_text()


@pytest.mark.parametrize(("data", "colours", "pixels"), [("mnist", False, 28 * 28 * 3), ("cifar10", True, 32 * 32 * 3)])
def test_codes_and_pixels_are_compared(tmp_path, data, colours, pixels):
    result, text = measured(tmp_path, data, colours)
    rows = {row["key"]: row for row in result["rows"]}
    assert list(rows) == ["pixels", "pca-100", "contrastive"]
    assert rows["pixels"]["size"] == pixels
    assert (result["gallery"], result["queries"]) == (240, 60)
    # Four sizes of squares, wherever they are: a learned code sees them, as do most pixels.
    assert rows["contrastive"]["same_class"]["mean"] > 0.6 > 0.25
    for key, row in rows.items():
        low, high = row["same_class"]["interval"]
        assert 0 <= low <= row["same_class"]["mean"] <= high <= 1
        assert re.search(rf"\| {key} \| [\d,]+ \| {row['distance']} \| {row['same_class']['mean']:.3f} ", text)


def test_what_has_no_classes_is_refused(tmp_path):
    make_drawn_celeba(tmp_path / "celeba")
    with pytest.raises(InputError, match="no classes"):
        run([NAME, f"--data={tmp_path / 'celeba'}", "--bundle=contrastive", f"--results={tmp_path}"])


def test_rows_of_an_earlier_run_are_kept_if_the_protocol_is_the_same(tmp_path):
    before, _ = measured(tmp_path, "mnist", colours=False)
    run([NAME, f"--data={tmp_path / 'mnist.npz'}", "--bundle=aegan", "--keep", f"--results={tmp_path}"])
    after = load(f"{NAME}-mnist", tmp_path)["result"]
    assert [row["key"] for row in after["rows"]] == ["pixels", "pca-100", "contrastive", "aegan"]
    assert after["rows"][2] == before["rows"][2]
    assert [kept["methods"] for kept in after["kept"]] == [["contrastive"]]
    with pytest.raises(InputError, match="another protocol"):
        run([NAME, f"--data={tmp_path / 'mnist.npz'}", "--bundle=aegan", "--keep", "--seed=1", f"--results={tmp_path}"])
