"""The size of the latent space: the experiment on tiny runs, and its measures on what is known."""

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.core.trained_runs import is_finished  # noqa: E402
from benchmarks.datasets.image_sets import Split, in_colour, load_sets, locate  # noqa: E402
from benchmarks.experiments.latent_size import generators, probes, quality  # noqa: E402
from benchmarks.experiments.latent_size.classifier import accuracy, train  # noqa: E402
from benchmarks.experiments.latent_size.models import Model, Search  # noqa: E402
from benchmarks.experiments.latent_size.models import load as load_model  # noqa: E402
from benchmarks.experiments.latent_size.run import PARTS  # noqa: E402
from indexer.errors import InputError  # noqa: E402
from tests.benchmarks.drawn_celeba import make_drawn_celeba  # noqa: E402
from tests.benchmarks.experiments.mnist.test_mnist import draw_digits  # noqa: E402
from tests.latentsearch import one_family  # noqa: E402

SIZES = (4, 8)
TINY = ("--width", "2", "--batch", "16", "--epochs", "1", "--threads", "1")
QUICK = ("--images", "8", "--steps", "3", "--drawn", "128", "--learned", "64", "--seeds", "1")


def make_photographs(path, seed=0):
    """CIFAR-10 of stripes, upright or not."""
    random, arrays = np.random.default_rng(seed), {}
    for split, count in (("train", 96), ("test", 128)):
        labels = random.integers(0, 2, count)
        stripes = np.where(np.arange(32) // 4 % 2, 220, 30)
        images = np.stack([np.tile(stripes, (32, 1)) if label else np.tile(stripes, (32, 1)).T for label in labels])
        arrays |= {f"x_{split}": in_colour(images.astype(np.uint8)).copy(), f"y_{split}": labels[:, None]}
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("latent")
    (x_train, y_train), (x_test, y_test) = draw_digits(320, 0), draw_digits(160, 1)
    np.savez(place / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    make_photographs(place / "cifar10.npz")
    make_drawn_celeba(place / "celeba")
    for name, data in (("mnist", "mnist.npz"), ("cifar10", "cifar10.npz"), ("celeba", "celeba")):
        for size in SIZES if name == "mnist" else SIZES[:1]:
            for family, options in (("autoencoder", ("--mirrored",)), ("wgan-gp", ("--batch", "8"))):
                words = (*TINY, *options, "--latent-size", str(size), "--seed", "0")
                one_family.train(family, place / data, place / f"runs/{name}/{family}-{size}-0", *words)
    return place


def measure(folder, data, *options, sizes=SIZES, results="results"):
    words = ["latent-size", f"--data={folder / data}", f"--runs={folder / 'runs'}", f"--results={folder / results}"]
    words += [f"--pictures={folder / 'pictures'}", *QUICK, *(f"--size={size}" for size in sizes), *options]
    run(words)
    return load(f"latent-size-{Path(data).stem}", folder / results)["result"]


@pytest.fixture(scope="module")
def result(folder):
    return measure(folder, "mnist.npz", "--no-train")


def test_every_part_that_digits_have_is_measured_of_every_model(result):
    assert set(result["parts"]) == set(PARTS) - {"other", "labels"}
    models = {f"{family}-{size}-0" for family in ("autoencoder", "wgan-gp") for size in SIZES}
    gans = {key for key in models if key.startswith("wgan")}
    assert set(result["runs"]) == models
    keys = {part: set(rows) for part, rows in result["parts"].items()}
    assert keys["reconstruction"] == models | {"data"} | {f"own {key}" for key in gans} | {
        f"encoded {key}" for key in models - gans
    }
    assert keys["quality"] == keys["classifier"] == models | {"data"}
    assert keys["shifted"] == keys["noise"] == models
    assert keys["weights"] == keys["surface"] == gans and keys["lengths"] == {"wgan-gp-8-0"}


def test_errors_are_of_numbers_between_minus_1_and_1(folder, result):
    rows = result["parts"]["reconstruction"]
    digits = load_sets(folder / "mnist.npz").train.some(8, 0).images / 127.5 - 1
    assert rows["data"]["train"] == pytest.approx(np.square(digits - digits.mean(0)).mean(), abs=1e-4)
    noise = result["parts"]["noise"]["autoencoder-4-0"]["noise"]["error"]["mean"]
    assert noise > 0.9 * probes.NOISE_VARIANCE


def test_codes_that_are_sought_draw_nearer_images_than_the_encoders(result):
    for key, row in result["parts"]["reconstruction"].items():
        if key.startswith("autoencoder"):
            assert row["train"]["refined"]["mean"] < row["train"]["error"]["mean"]


def test_autoencoders_have_the_errors_of_many_images_too(folder, result):
    rows = result["parts"]["reconstruction"]
    digits = load_sets(folder / "mnist.npz")
    known = probes.known_images(digits, result["settings"]["drawn"], 0)
    for size in SIZES:
        model = load_model(folder / f"runs/mnist/autoencoder-{size}-0", "autoencoder", size, 0)
        for name, images in known.items():
            error = rows[f"encoded autoencoder-{size}-0"][name]["error"]
            expected = probes.errors(images, model.draw(model.codes(images, None))).mean()
            assert error["n"] == len(images) > 8 and error["mean"] == pytest.approx(expected, abs=1e-4)


def test_sheets_have_the_originals_and_a_column_a_model(folder, result):
    names = {f"latent-size-mnist-{probe}.png" for probe in ("train", "validation", "shifted-by-4", "noise")}
    assert set(result["sheets"]) == names
    assert result["sheets"]["latent-size-mnist-train.png"] == [
        "original",
        "autoencoder 4",
        "autoencoder 8",
        "wgan-gp 4",
        "wgan-gp 8",
    ]
    sheet = np.asarray(Image.open(folder / "results/latent-size-mnist-train.png"))
    original = load_sets(folder / "mnist.npz").train.some(8, 0).images[0]
    assert np.abs(sheet[2:30, 2:30].astype(int) - original).max() <= 1


def test_photographs_stay_out_of_the_results(folder):
    measure(folder, "cifar10.npz", "--no-train", "--part", "noise", sizes=SIZES[:1])
    faces = measure(folder, "celeba", "--no-train", f"--other={folder / 'cifar10.npz'}", sizes=SIZES[:1])
    assert not [path for path in (folder / "results").glob("*.png") if "mnist" not in path.name]
    assert {"latent-size-celeba-cifar-10.png", "latent-size-cifar10-noise.png"} <= {
        path.name for path in (folder / "pictures").iterdir()
    }
    assert set(faces["parts"]) == set(PARTS) - {"classifier"}
    keys = [row["key"] for row in faces["parts"]["labels"]["data"]["rows"]]
    assert keys == ["random", "oracle", "autoencoder-4-0", "autoencoder-4-0-whitened"]


def test_what_was_measured_is_kept_unless_the_settings_differ(folder, result, capfd):
    measure(folder, "mnist.npz", "--no-train", "--part", "reconstruction")
    assert "reconstruction:" not in capfd.readouterr().err
    again = measure(folder, "mnist.npz", "--no-train", "--part", "noise", "--steps", "2", results="other")
    assert "noise: wgan-gp-4-0" in capfd.readouterr().err
    assert "reconstruction" not in again["parts"] or "wgan-gp-4-0" not in again["parts"]["reconstruction"]


def test_a_run_of_another_recipe_is_measured_anew(folder, tmp_path, capfd):
    shutil.copytree(folder / "runs/cifar10/wgan-gp-4-0", tmp_path / "runs/cifar10/wgan-gp-4-0")
    shutil.copy(folder / "cifar10.npz", tmp_path)
    measured = partial(measure, tmp_path, "cifar10.npz", "--no-train", "--part", "weights", sizes=SIZES[:1])
    before = measured()
    path = tmp_path / "runs/cifar10/wgan-gp-4-0/run.json"
    about = json.loads(path.read_text())
    about["recipe"]["penalty"] /= 2
    path.write_text(json.dumps(about))
    capfd.readouterr()
    assert measured()["parts"] == before["parts"]
    assert "weights: wgan-gp-4-0" in capfd.readouterr().err


def test_what_is_missing_is_trained_and_what_was_stopped_goes_on(folder, tmp_path):
    run_folder = folder / "runs/cifar10/autoencoder-5-0"
    with pytest.raises(InputError, match="no finished run"):
        measure(folder, "cifar10.npz", "--no-train", "--part", "weights", sizes=(5,))
    result = measure(folder, "cifar10.npz", "--part", "weights", sizes=(5,))
    assert is_finished(run_folder) and set(result["runs"]) == {"autoencoder-5-0", "wgan-gp-5-0"}
    (run_folder / "checkpoint.json").unlink()  # as if it had been killed before its first
    assert not is_finished(run_folder)
    measure(folder, "cifar10.npz", "--part", "weights", sizes=(5,))
    assert is_finished(run_folder)


def test_data_is_found_by_its_name_below_a_root(tmp_path):
    (tmp_path / "celeba").mkdir()
    for name in ("mnist.npz", "cifar10-small.npz"):
        (tmp_path / name).touch()
    found = [locate(Path(name), tmp_path).name for name in ("mnist", "cifar10", "celeba")]
    assert found == ["mnist.npz", "cifar10-small.npz", "celeba"]
    assert locate(tmp_path / "mnist.npz", None) == tmp_path / "mnist.npz"
    with pytest.raises(InputError, match="there is no data at"):
        locate(Path("other"), tmp_path)


class Linear(torch.nn.Module):
    """A generator whose image is the code itself."""

    def forward(self, z):
        return (z.view(-1, 1, 2, 2).expand(-1, 3, -1, -1) + 1) / 2


def linear_model(**changes):
    parts = {"family": "wgan-gp", "latent_size": 4, "seed": 0, "networks": {}, "encoder": None, "prior": "gaussian"}
    return Model(**{**parts, "generator": Linear(), "facts": {}, **changes})


def test_the_loss_around_a_code_of_a_linear_generator_is_a_bowl():
    code = torch.tensor([1.0, 2.0, -1.0, 0.5])
    grid = generators.surface(linear_model(), code)
    a, b = np.meshgrid(np.linspace(-2, 2, generators.STEPS), np.linspace(-2, 2, generators.STEPS), indexing="ij")
    np.testing.assert_allclose(grid, ((a - 1) ** 2 + b**2) * float(code.square().mean()), atol=1e-5)
    assert generators.downhill(grid, generators.ORIGIN) == generators.GOAL
    assert generators.count_minima(grid) == 1
    assert generators.surfaces(linear_model(), 0)["found"] == 1


def test_downhill_ends_in_the_nearest_hollow():
    grid = np.array([[5.0, 4, 3, 4, 5, 1], [5, 4, 4, 5, 6, 5]])
    assert generators.downhill(grid, (1, 0)) == (0, 2)
    assert generators.count_minima(grid) == 2


def test_codes_without_a_ball_go_where_the_images_are():
    images = {"far": torch.full((5, 3, 2, 2), 10.5), "near": torch.full((5, 3, 2, 2), 0.5)}  # codes of 20 and 0
    found = generators.lengths(linear_model(), images, Search(1_500, (0.1,), 0))
    assert found["found"]["far"]["within"] == 0 and found["found"]["near"]["within"] == 1
    assert np.allclose(found["found"]["far"]["lengths"], 40, atol=0.5)
    assert found["radius"] == pytest.approx((4 + 3 * 8**0.5) ** 0.5, abs=1e-3)
    held = linear_model().codes(images["far"], Search(100, (0.1,), 0))
    assert held.norm(dim=1).max() <= found["radius"] + 1e-3


def test_the_frechet_distance_of_gaussians_is_its_closed_form():
    random = np.random.default_rng(0)
    first, second = random.normal(0, 1, (40_000, 2)), random.normal((3, 0), (2, 1), (40_000, 2))
    assert quality.frechet_distance(first, second) == pytest.approx(9 + (1 - 2) ** 2, abs=0.15)
    assert quality.frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


def test_the_fid_is_measured_where_it_can_be_and_else_says_why(monkeypatch, tmp_path):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    assert quality.fid(images, images).startswith("not measured: torch-fidelity")
    seen = {}

    def calculate(input1, input2, **options):
        seen.update(options, shape=tuple(input2[3].shape), count=len(input1))
        return {"frechet_inception_distance": 12.34567}

    module = SimpleNamespace(calculate_metrics=calculate, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert quality.WEIGHTS in quality.fid(images, images)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / quality.WEIGHTS).touch()
    assert quality.fid(images, images) == 12.3457
    assert seen == {"fid": True, "verbose": False, "shape": (3, 8, 8), "count": 4}


def test_shifted_images_move_right_and_down_and_keep_their_edge():
    images = torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.equal(probes.shifted(images, 1)[0, 0, 1:, 1:], images[0, 0, :3, :3])
    assert torch.equal(probes.shifted(images, 1)[0, 0, 0], torch.tensor([0.0, 0, 1, 2]))


def test_the_classifier_learns_classes_and_attributes():
    images, labels = draw_digits(300, 3)
    split = Split(in_colour(images), labels // 5)
    assert accuracy(train(split, 0), split) > 0.9
    both = Split(split.images, np.stack([labels // 5, 1 - labels // 5], 1))
    assert accuracy(train(both, 0), both) > 0.9
