"""Generators and their inverses: the experiment and its page, on drawn faces."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.judges.realism import frechet_distance  # noqa: E402
from benchmarks.methods import efficientnet  # noqa: E402
from tests.benchmarks.drawn_celeba import make_drawn_celeba  # noqa: E402

NAME = "inversion"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    pytest.importorskip(efficientnet.PACKAGE)
    pytest.importorskip("timm")
    folder = tmp_path_factory.mktemp("inversion")
    make_drawn_celeba(folder / "celeba")
    sizes = ["--generated=48", "--samples=48"]
    run(
        [
            NAME,
            f"--data={folder / 'celeba'}",
            "--bundle=parts",
            "--bundle=ivegan",
            "--bundle=icgan",
            "--before=aegan",
            *sizes,
            f"--results={folder}",
        ]
    )
    run(["report", f"--results={folder}", f"--readme={folder / 'README.md'}"])
    return load(NAME, folder)["result"], (folder / f"{NAME}.md").read_text(), folder


def test_a_generator_without_a_prior_is_judged_by_what_it_redraws(measured):
    parts = measured[0]["rows"][0]
    assert parts["bundle"] == "parts" and "generated" not in parts
    assert 0 < parts["real"]["squared_error"] < 0.3 and 0 <= parts["real"]["dhash"] <= 1


def test_codes_of_generated_pictures_are_compared_with_the_prior(measured):
    before = measured[0]["rows"][-1]
    assert before["bundle"] == "aegan" and before["before"]
    assert before["generated"]["pictures"] == 48 and before["frechet"] > measured[0]["floor"] >= 0
    assert before["generated"]["prior_length"] == pytest.approx((100 / 3) ** 0.5, rel=0.05)
    ratio = before["generated"]["length"] / before["generated"]["prior_length"]
    assert before["generated"]["code_length"] == pytest.approx(ratio, rel=0.05)


def test_a_conditional_generator_redraws_real_faces_with_predicted_labels(measured):
    row = next(row for row in measured[0]["rows"] if row["bundle"] == "icgan")
    assert 0 < row["real"]["squared_error"] < 0.2 and row["generated"]["code_error"] < 1
    assert row["generated"]["prior_length"] == pytest.approx(100**0.5, rel=0.05)  # z alone, without labels


def test_the_page_has_a_row_for_each_bundle_and_the_samples(measured):
    _, text, folder = measured
    assert "| aegan, before |" in text and "| parts |" in text and "inversion-samples.png" in text
    assert (folder / "inversion-samples.png").is_file()


def test_the_frechet_distance_grows_with_what_is_added_to_the_mean():
    random = np.random.default_rng(0)
    first = random.normal(size=(500, 8))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(first, first + 2) == pytest.approx(8 * 4)
    assert frechet_distance(first, 3 * first) == pytest.approx(
        4 * first.var(0, ddof=1).sum() + 4 * np.square(first.mean(0)).sum()
    )
