"""Ways between codes, judged by another run's discriminator, and what z' does."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.experiments.interpolation import page as interpolation_page  # noqa: E402
from benchmarks.experiments.interpolation.run import STEPS, Walk, between, draw_pairs, miss, walk  # noqa: E402
from benchmarks.judges.judge import Judge  # noqa: E402
from benchmarks.judges.noise import cosines, one_by_one  # noqa: E402
from indexer.errors import InputError  # noqa: E402
from latentsearch.cli import main  # noqa: E402
from tests.benchmarks.drawn_celeba import VALIDATION, make_drawn_celeba  # noqa: E402

NAME = "interpolation"
PAIRS = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield make_drawn_celeba(tmp_path_factory.mktemp("data") / "celeba")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """Two tiny training runs."""
    folder = tmp_path_factory.mktemp("runs")
    options = {
        "aegan": ("--width", 4, "--batch", 16, "--generator-epochs", 2, "--inverse-epochs", 1),
        "ivegan": ("--width", 4, "--batch", 16, "--epochs", 2, "--latent-size", 8),
    }
    for family, sizes in options.items():
        arguments = ("train", family, data, "-o", folder / family, *sizes, "--threads", 1)
        trained = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert trained.exit_code == 0, trained.stderr
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory, data, runs):
    folder = tmp_path_factory.mktemp("results")
    both = [str(runs / family) for family in ("ivegan", "aegan")]
    run(
        [NAME, "--data", str(data), "--pairs", str(PAIRS), "--threads", "1", "--results", str(folder)]
        + ["--pictures", str(folder / "pictures")]
        + [word for name in both for word in ("--run", name, "--judge", name)]
    )
    return folder


@pytest.fixture(scope="module")
def rows(results):
    return load(NAME, results)["result"]["rows"]


def test_no_run_is_judged_by_itself(rows):
    assert [(row["name"], row["judge"]) for row in rows] == [("IVE-GAN", "AEGAN"), ("AEGAN", "IVE-GAN")]


def test_every_share_lies_within_its_interval(rows):
    for row in rows:
        for way in ("codes", "fades"):
            for what in ("monotone", "growing_steps", "largest_jump"):
                low, high = row[way][what]["interval"]
                assert 0 <= low <= row[way][what]["mean"] <= high <= 1
            assert len(row[way]["curve"]) == STEPS and row[way]["curve"][-1] == pytest.approx(1)


def test_raw_results_give_the_share_again(results, rows):
    with np.load(results / f"{NAME}.npz") as raw:
        distances, pairs = raw["0_codes"], raw["pairs"]
    assert distances.shape == (PAIRS, STEPS) and len(np.unique(pairs)) == 2 * PAIRS
    grows = np.diff(distances, axis=1, prepend=0) > 0
    assert grows.all(axis=1).mean() == pytest.approx(rows[0]["codes"]["monotone"]["mean"], abs=1e-5)


def test_only_a_family_with_noise_is_asked_what_it_does(rows):
    assert rows[1]["noise"] is None
    assert rows[0]["noise"]["by_noise"]["mean"] > 0 and rows[0]["noise"]["by_code"]["mean"] > 0


def test_generated_faces_go_to_the_results_and_real_ones_do_not(results):
    assert sorted(path.name for path in results.glob("*.png")) == ["interpolation-noise.png"]
    assert sorted(path.name for path in (results / "pictures").iterdir()) == [
        "interpolation-aegan.png", "interpolation-ivegan.png", "ivegan-transformations.png",
    ]  # fmt: skip
    with Image.open(results / "interpolation-noise.png") as sheet:
        assert sheet.width > 10 * 64 and sheet.height > 5 * 64


def test_the_page_has_verdict_tables_and_plot(results):
    written = interpolation_page.write(load(NAME, results), results)
    assert [path.name for path in written] == ["interpolation.md", "interpolation.png"]
    text = written[0].read_text()
    for words in ("IVE-GAN, judged by AEGAN", "moved by z'", "interpolation-noise.png", "The bar: monotone in 90%"):
        assert words in text
    assert str(results) not in text


class Measuring:
    """A judge whose features are the pictures themselves."""

    def features(self, images):
        return images.flatten(1)


def test_a_straight_way_is_monotone_and_even():
    first, last = torch.zeros(3, 4), torch.ones(3, 4)
    walked = walk(first, last, lambda z: z.view(-1, 1, 2, 2), Measuring())
    assert walked.monotone.tolist() == [1, 1, 1]
    np.testing.assert_allclose(walked.largest_jump, 1 / STEPS, rtol=1e-4)
    np.testing.assert_allclose(walked.distances[0], np.arange(1, STEPS + 1) / STEPS * 2, rtol=1e-4)


def test_a_way_that_turns_back_once_is_not_monotone():
    ways = np.tile(np.arange(1.0, STEPS + 1), (2, 1)).astype(np.float32)
    ways[1, 4] = ways[1, 3]
    jumps = np.ones((2, STEPS), np.float32)
    jumps[1, 3:] = 0
    walked = Walk(ways, jumps)
    assert walked.monotone.tolist() == [1, 0]
    np.testing.assert_allclose(walked.largest_jump, [1 / STEPS, 1 / 3], rtol=1e-6)


def test_a_picture_misses_its_face_by_the_distance_of_two_faces():
    faces = [torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)]
    assert miss(faces, faces, Measuring()).tolist() == [0, 0, 0]
    assert miss(faces, faces[::-1], Measuring()).tolist() == [1, 1, 1]


def test_both_ends_belong_to_the_way():
    start, end = torch.rand(3, 2), torch.rand(3, 2)
    way = between(start, end)
    assert len(way) == STEPS + 1
    torch.testing.assert_close(way[0], start)
    torch.testing.assert_close(way[-1], end)


def test_no_face_is_in_two_pairs():
    pairs = draw_pairs(1_000, 200, seed=0)
    assert pairs.shape == (2, 200) and len(np.unique(pairs)) == 400
    assert draw_pairs(5, 200, seed=0).shape == (2, 2)
    assert (draw_pairs(1_000, 200, seed=0) == pairs).all()


def test_the_judge_gives_the_last_convolution_of_its_discriminator(runs):
    images = torch.rand(3, 3, 64, 64)
    assert Judge(runs / "aegan").features(images).shape == (3, 4 * 4 * 8 * 4)
    assert Judge(runs / "ivegan").features(images).shape == (3, 8 * 4)
    judge = Judge(runs / "aegan")
    logits = judge.family.networks["discriminator"](images)
    last = judge.family.networks["discriminator"].logits[-1]
    torch.testing.assert_close(last(judge.features(images)).squeeze(1), logits)
    # Larger pictures are brought to the judge's size.
    assert judge.features(torch.rand(1, 3, 128, 128)).shape == (1, 512)


def test_what_a_change_of_noise_does_alike_has_cosine_1():
    codes, changes = torch.randn(6, 1, 40), torch.randn(4, 40)
    alike = codes + torch.stack([changes[0], -changes[0], changes[1], -changes[1]])
    assert cosines(alike, (0, 1), (0, 1)) == pytest.approx(1, abs=1e-4)
    assert abs(cosines(torch.randn(50, 4, 400), (0, 1), (0, 1))) < 0.02


def test_distances_one_by_one():
    distances = one_by_one(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    assert distances.tolist() == [[0, 5], [5, 0]]


def test_a_run_that_every_judge_has_trained_is_refused(data, runs, tmp_path):
    options = ["--data", str(data), "--results", str(tmp_path), "--pictures", str(tmp_path)]
    with pytest.raises(InputError, match="name another with --judge"):
        run([NAME, *options, "--run", str(runs / "aegan"), "--judge", str(runs / "aegan")])


def test_what_is_missing_is_one_sentence(data, runs, tmp_path):
    options = ["--data", str(data), "--results", str(tmp_path), "--pictures", str(tmp_path)]
    with pytest.raises(InputError, match="holds no training run"):
        run([NAME, *options, "--run", str(tmp_path), "--judge", str(runs / "aegan")])
    with pytest.raises(InputError, match="two faces"):
        draw_pairs(1, 200, seed=0)
    assert VALIDATION >= 2 * PAIRS
