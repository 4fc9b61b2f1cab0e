"""AEGAN's Fig. 5 on drawn faces and a tiny network."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")

from PIL import Image

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.experiments.deblur.page import report
from benchmarks.experiments.deblur.run import HIGHEST_PSNR, SIGMAS, blur, closer_from, psnr, ssim
from benchmarks.report import all_pages
from tests.benchmarks.drawn_celeba import VALIDATION, make_drawn_celeba
from tests.benchmarks.drawn_runs import ONCE, SIZES, train
from tests.support import draw_picture

NAME = "deblur"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deblur")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        data = make_drawn_celeba(folder / "celeba")
        aegan = train("aegan", data, folder / "aegan", *SIZES, *ONCE)
        options = [f"--results={folder / 'results'}", f"--pictures={folder / 'pictures'}", "--images=12"]
        run([NAME, f"--data={data}", f"--run={aegan}", *options])
        yield folder


@pytest.fixture(scope="module")
def record(place):
    return load(NAME, place / "results")


@pytest.fixture(scope="module")
def pictures():
    return np.stack([np.asarray(draw_picture(seed, (64, 64))) for seed in range(3)])


def test_blur_leaves_the_mean_and_takes_detail(pictures):
    assert np.array_equal(blur(pictures, 0), pictures)
    flat = np.full((1, 64, 64, 3), 77, np.uint8)
    assert np.array_equal(blur(flat, 3), flat)
    spreads = [blur(pictures, sigma).std(axis=(1, 2)).mean() for sigma in (0, 1, 4, 8)]
    assert spreads == sorted(spreads, reverse=True)
    dot = np.zeros((1, 64, 64, 3), np.uint8)
    dot[0, 32, 32] = 255
    assert blur(dot, 1)[0, 32, 32, 0] == round(255 / (2 * np.pi), 0)  # the peak of a Gaussian of sigma 1


def test_psnr_and_ssim_of_equal_and_of_known_pictures(pictures):
    assert (psnr(pictures, pictures) == HIGHEST_PSNR).all() and ssim(pictures, pictures) == pytest.approx(1)
    grey = np.full((2, 64, 64, 3), 100, np.uint8)
    assert psnr(grey, grey + np.uint8(10)) == pytest.approx(20 * np.log10(255 / 10))
    assert psnr(grey[:, :, :, :1], grey[:, :, :, :1] + np.uint8(1)) == pytest.approx(48.13, abs=0.01)
    luminance = (2 * 100 * 110 + 2.55**2) / (100**2 + 110**2 + 2.55**2)  # what SSIM is where nothing varies
    assert ssim(grey, grey + np.uint8(10)) == pytest.approx(luminance, abs=1e-4)


def test_closer_from_is_the_least_width_beyond_which_all_gains_are_above_0():
    last = len(SIGMAS) - 1
    assert closer_from([-1.0] * 5 + [0.1] * (last - 4)) == SIGMAS[5]
    assert closer_from([-1.0, 1.0, -1.0] + [1.0] * (last - 2)) == SIGMAS[3]
    assert closer_from([1.0] * last + [-0.1]) is None
    assert closer_from([1.0] * len(SIGMAS)) == 0


def test_both_kinds_of_originals_are_measured_at_every_width(record):
    result = record["result"]
    assert result["images"] == {"generated": 12, "real": 12} and VALIDATION >= 12
    assert result["sigmas"] == list(SIGMAS) and set(result["originals"]) == {"generated", "real"}
    for measured in result["originals"].values():
        for name in ("psnr", "ssim", "dhash"):
            blurred, reconstructed, gain = (measured[name][what] for what in ("blurred", "reconstructed", "gain"))
            assert len(blurred) == len(SIGMAS)
            for one, other, difference in zip(blurred, reconstructed, gain, strict=True):
                assert difference["mean"] == pytest.approx(other["mean"] - one["mean"], abs=1e-3)
                assert difference["interval"][0] <= difference["mean"] <= difference["interval"][1]


def test_a_picture_that_is_not_blurred_is_the_original(record):
    measured = record["result"]["originals"]["generated"]
    assert measured["psnr"]["blurred"][0]["mean"] == HIGHEST_PSNR
    assert measured["ssim"]["blurred"][0]["mean"] == pytest.approx(1)
    assert measured["dhash"]["blurred"][0]["mean"] == 1
    falling = [score["mean"] for score in measured["psnr"]["blurred"]]
    assert falling == sorted(falling, reverse=True)


def test_what_every_picture_gave_is_stored(place, record):
    with np.load(place / "results" / f"{NAME}.npz") as arrays:
        assert len(arrays.files) == 2 * 3 * 2
        values = arrays["real_ssim_reconstructed"]
    assert values.shape == (len(SIGMAS), 12)
    expected = [score["mean"] for score in record["result"]["originals"]["real"]["ssim"]["reconstructed"]]
    assert values.mean(axis=1) == pytest.approx(expected, abs=1e-4)


def test_real_faces_are_shown_outside_of_the_results(place, record):
    rows = len(record["result"]["sheet"])
    for path in (place / "results" / f"{NAME}-sheet.png", place / "pictures" / f"{NAME}-real.png"):
        with Image.open(path) as sheet:
            assert sheet.size == (8 * 66 + 2, rows * 66 + 2)
    assert len(list((place / "results").glob("*.png"))) == 1


def test_the_page_shows_tables_plot_and_from_which_width_on(record, tmp_path):
    known = copy.deepcopy(record)
    known["result"]["originals"]["generated"]["psnr"]["closer_from"] = 1.5
    known["result"]["originals"]["real"]["ssim"]["closer_from"] = None
    page = all_pages()[NAME]
    assert [path.name for path in page.write(known, tmp_path)] == [f"{NAME}.md", f"{NAME}.png"]
    text = report(known)
    assert (
        "Generated originals, PSNR: met, the reconstruction is closer than the blurred picture from sigma 1.5" in text
    )
    assert "Real originals, SSIM: missed" in text
    assert text.count("| 0.5 |") == 2 and f"./{NAME}-sheet.png" in text
