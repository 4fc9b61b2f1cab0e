"""A latent size that is chosen by autoencoders."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from latentsearch.cli import main  # noqa: E402
from latentsearch.training.engine.latent_size import pick  # noqa: E402
from tests.support import make_folder  # noqa: E402


def make_bars(path, numbers):
    """Digits in which so many numbers say everything: the grey of as many bars."""
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 512), ("test", 64)):
        greys = random.integers(0, 256, (count, numbers), np.uint8)
        arrays[f"x_{split}"] = np.repeat(np.repeat(greys, -(-28 // numbers), 1)[:, None, :28], 28, 1)
        arrays[f"y_{split}"] = np.zeros(count, np.uint8)
    np.savez(path, **arrays)
    return path


def train(data, run, *options):
    words = ["train", "wgan-gp", str(data), "-o", str(run), "--width", "2", "--batch", "4", "--threads", "1"]
    return CliRunner().invoke(main, [*words, "--latent-size", "auto", "--epochs", "1", *options])


def test_it_is_the_smallest_size_within_the_factor_of_the_largest():
    errors = {10: 0.5, 50: 0.115, 100: 0.1, 500: 0.104, 1000: 0.1}
    assert [pick(errors, factor).size for factor in (1, 1.2, 6)] == [100, 50, 10]
    assert pick(errors, 1.2).reason == (
        "latent size 50: the smallest whose autoencoder's validation error, 0.11500, is at most 1.2 times the error at "
        "size 1000, 0.10000; errors of smaller sizes: 10: 0.50000"
    )


@pytest.mark.parametrize(("numbers", "size"), [(1, 1), (7, 7)])
def test_images_that_few_numbers_tell_get_a_small_size(tmp_path, numbers, size):
    data = make_bars(tmp_path / "bars.npz", numbers)
    done = train(data, tmp_path / "run", "--auto-sizes", "7,1", "--auto-factor", "3", "--auto-steps", "120")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run/run.json").read_text())["recipe"]["latent_size"] == size
    choice = json.loads((tmp_path / "run/latent-size.json").read_text())
    assert (choice["size"], choice["factor"], set(choice["errors"])) == (size, 3, {"1", "7"})
    assert f"latent size {size}: the smallest whose autoencoder's validation error" in done.stderr
    again = train(data, tmp_path / "run", "--resume")
    assert again.exit_code == 0 and "the smallest" not in again.stderr


def test_sizes_that_were_measured_are_not_measured_again(tmp_path):
    data, options = make_bars(tmp_path / "bars.npz", 2), ("--auto-sizes", "1,2", "--auto-steps", "1")
    assert train(data, tmp_path / "run", *options).exit_code == 0
    kept = tmp_path / "run/latent-size.json"
    choice = json.loads(kept.read_text())
    kept.write_text(json.dumps(choice | {"errors": {"1": 0.25, "2": 0.125}}))
    (tmp_path / "run/run.json").unlink()
    (tmp_path / "run/checkpoint.json").unlink()
    done = train(data, tmp_path / "run", *options)
    assert "error, 0.12500" in done.stderr and "1: 0.25000" in done.stderr


def test_a_tenth_of_a_plain_folder_is_held_out(tmp_path):
    make_folder(tmp_path / "pictures", 72)
    done = train(tmp_path / "pictures", tmp_path / "run", "--auto-sizes", "3", "--auto-steps", "1")
    assert done.exit_code == 0, done.output
    # Whole epochs: one is two steps of 32 of the 64 that are learned from.
    assert json.loads((tmp_path / "run/latent-size/3/checkpoint.json").read_text())["total_step"] == 2
    assert "latent size 3" in done.stderr and "training on 72 pictures" in done.stderr


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        ("ring", (), "no latent size can be chosen for ring"),
        ("bars.npz", ("--auto-sizes", "4,x"), "not numbers with commas between"),
        ("bars.npz", ("--latent-size", "0"), "0 is not in the range"),
        ("nowhere", (), "is not a folder"),
    ],
)
def test_what_does_not_fit_is_said_and_leaves_nothing(tmp_path, data, options, sentence):
    make_bars(tmp_path / "bars.npz", 2)
    done = train(data if data == "ring" else tmp_path / data, tmp_path / "run", *options)
    assert done.exit_code == 2 and sentence in done.stderr
    assert not (tmp_path / "run").exists()
