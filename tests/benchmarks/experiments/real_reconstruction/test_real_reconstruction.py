"""The squared error of real faces and what their codes draw, on drawn faces and tiny runs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.experiments.real_reconstruction.page import report  # noqa: E402
from benchmarks.experiments.real_reconstruction.run import summarise  # noqa: E402
from benchmarks.methods import efficientnet  # noqa: E402
from indexer.errors import InputError  # noqa: E402
from latentsearch.training.engine.trained import load_trained  # noqa: E402
from tests.benchmarks.drawn_celeba import VALIDATION, make_drawn_celeba  # noqa: E402
from tests.benchmarks.drawn_runs import SIZES, train  # noqa: E402

NAME = "real-reconstruction"
FAMILIES = ("contrastive", "autoencoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reconstructed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        data = make_drawn_celeba(folder / "celeba")
        runs = [train(family, data, folder / family, *SIZES, "--epochs", "10") for family in FAMILIES]
        run([NAME, f"--data={data}", *(f"--run={one}" for one in runs), f"--results={folder}"])
        yield folder


@pytest.fixture(scope="module")
def record(folder):
    return load(NAME, folder)


def test_a_row_for_the_mean_picture_and_for_every_run(record):
    assert [row["key"] for row in record["result"]["methods"]] == ["mean", *FAMILIES]
    assert record["result"]["faces"] == VALIDATION


def test_the_error_is_that_of_the_runs_networks(folder, record):
    trained, images = load_trained(folder / "contrastive", terms="")
    x = torch.from_numpy(np.array(images.pixels[:VALIDATION])).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        expected = torch.nn.functional.mse_loss(trained.generator(trained.encoder(x)), x).item()
    assert record["result"]["methods"][1]["errors"]["squared error"]["mean"] == pytest.approx(expected, rel=1e-3)


def test_the_feature_distance_is_that_of_another_network(folder, record):
    pytest.importorskip(efficientnet.PACKAGE)
    trained, images = load_trained(folder / "autoencoder", terms="")
    x = torch.from_numpy(np.array(images.pixels[:VALIDATION])).permute(0, 3, 1, 2) / 255
    network = efficientnet.load_network()
    with torch.no_grad():
        drawn = trained.generator(trained.encoder(x))
        told = [network(torch.nn.functional.interpolate(y, (128, 128), mode="bilinear")) for y in (x, drawn)]
    expected = 1 - torch.cosine_similarity(*told).mean().item()
    errors = record["result"]["methods"][2]["errors"]
    assert errors["feature distance"]["mean"] == pytest.approx(expected, rel=1e-3)
    assert errors["feature distance"]["ratio"] == 1


def test_without_that_network_the_squared_error_is_left(folder, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package")
    run([NAME, f"--data={folder / 'celeba'}", f"--run={folder / 'autoencoder'}", f"--results={tmp_path}"])
    assert "left out: feature distance" in capsys.readouterr().err
    record = load(NAME, tmp_path)
    assert all(set(row["errors"]) == {"squared error"} for row in record["result"]["methods"])
    assert "feature distance |" not in report(record)


def test_errors_are_multiples_of_the_autoencoders():
    errors = {"mean": np.full(50, 0.04), "autoencoder": np.linspace(0.01, 0.03, 50), "aegan": np.full(50, 0.01)}
    summary = summarise({key: {"squared error": values} for key, values in errors.items()}, {}, 0)
    rows = {row["key"]: row["errors"]["squared error"] for row in summary["methods"]}
    assert rows["autoencoder"]["ratio"] == 1 and rows["autoencoder"]["ratio_interval"] == [1, 1]
    assert rows["mean"]["ratio"] == pytest.approx(2) and rows["aegan"]["ratio"] == pytest.approx(0.5)
    low, high = rows["aegan"]["ratio_interval"]
    assert low < 0.5 < high


def test_without_an_autoencoder_there_is_no_multiple():
    [row] = summarise({"mean": {"squared error": np.ones(9)}}, {}, 0)["methods"]
    assert "ratio" not in row["errors"]["squared error"]


def test_the_page_says_what_was_run(record, folder):
    text = report(record)
    assert "the mean picture" in text and "64 pictures" in text and str(folder) not in text


def test_two_runs_of_a_family_are_refused(folder):
    words = [NAME, f"--data={folder / 'celeba'}", *[f"--run={folder / 'autoencoder'}"] * 2, f"--results={folder}"]
    with pytest.raises(InputError, match="second run"):
        run(words)
