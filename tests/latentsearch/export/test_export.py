"""A training run becomes a bundle that encodes as PyTorch does."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from indexer.decoding.decode import decode  # noqa: E402
from indexer.encoders.encoder import load_encoder  # noqa: E402
from indexer.encoders.framing import CELEBA  # noqa: E402
from indexer.encoders.generator import load_generator  # noqa: E402
from latentsearch.cli import main  # noqa: E402
from latentsearch.training.engine.trained import load_trained  # noqa: E402
from tests.support import make_folder  # noqa: E402

PICTURES = 64


def latentsearch(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    make_folder(folder / "pictures", PICTURES)
    options = ("--width", 8, "--batch", 16, "--generator-epochs", 4, "--inverse-epochs", 4, "--threads", 1)
    result = latentsearch("train", "aegan", folder / "pictures", "-o", folder / "run", *options)
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture(scope="module")
def pixels(run):
    return np.stack([decode(path, CELEBA) for path in sorted((run.parent / "pictures").iterdir())])


def export(run, folder, *options):
    result = latentsearch("export", run, "-o", folder, *options)
    assert result.exit_code == 0, result.output
    return load_encoder(folder)


def own_codes(run, pixels):
    trained, _ = load_trained(run, "")
    with torch.no_grad():
        return trained.encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255).numpy()


def test_euclidean_codes_are_the_networks_own(run, pixels, tmp_path):
    encoder = export(run, tmp_path / "raw", "--distance", "euclidean", "--precision", "fp32")
    assert encoder.distance == "euclidean"
    np.testing.assert_allclose(encoder.encode(pixels), own_codes(run, pixels), atol=1e-5)


def test_cosine_codes_are_centred_whitened_and_of_length_one(run, pixels, tmp_path):
    codes = export(run, tmp_path / "white", "--precision", "fp32").encode(pixels)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    raw = own_codes(run, pixels).astype(np.float64)
    raw -= raw.mean(0)
    # Mahalanobis' inner product, written the other way: by the pseudo-inverse of the covariance.
    similarity = raw @ np.linalg.pinv(np.cov(raw, rowvar=False), rcond=1e-6, hermitian=True) @ raw.T
    lengths = np.sqrt(np.diag(similarity))
    np.testing.assert_allclose(codes @ codes.T, similarity / np.outer(lengths, lengths), atol=0.02)


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("fp16", 0.999), ("int8", 0.8)])
def test_the_bundle_says_how_close_it_is_to_pytorch(run, pixels, tmp_path, precision, least):
    folder = tmp_path / precision
    export(run, folder, "--precision", precision)
    model = json.loads((folder / "model.json").read_text())
    assert model["precision"] == precision
    assert least < model["fidelity"]["mean_cosine"] <= 1.000001
    assert model["fidelity"]["least_cosine"] <= model["fidelity"]["mean_cosine"]
    assert 0 <= model["fidelity"]["overlap@20"] <= 1
    card = (folder / "MODEL_CARD.md").read_text()
    assert str(model["fidelity"]["mean_cosine"]) in card and model["trained"]["hardware"] in card


def test_a_bundle_names_no_path_of_the_machine_that_made_it(run, tmp_path):
    encoder = export(run, tmp_path / "bundle", "--precision", "fp32")
    here = str(Path(__file__).parents[3]).encode()
    for file in encoder.folder.iterdir():
        content = file.read_bytes()
        assert here not in content and str(tmp_path).encode() not in content, file


def test_smaller_precisions_are_smaller_files(run, tmp_path):
    sizes = {}
    for precision in ("fp32", "fp16"):
        export(run, tmp_path / precision, "--precision", precision)
        sizes[precision] = (tmp_path / precision / "encoder.onnx").stat().st_size
    assert sizes["fp16"] < 0.6 * sizes["fp32"]


def test_codes_do_not_depend_on_the_batch(run, pixels, tmp_path):
    encoder = export(run, tmp_path / "bundle")
    alone = np.concatenate([encoder.encode(pixels[n : n + 1]) for n in range(8)])
    np.testing.assert_allclose(encoder.encode(pixels)[:8], alone, atol=1e-5)


def test_similarity_is_the_share_of_random_pairs_farther_apart(run, pixels, tmp_path):
    encoder = export(run, tmp_path / "bundle", "--distance", "euclidean", "--precision", "fp32")
    codes = encoder.encode(pixels)
    pairs = np.triu_indices(len(codes), 1)
    distances = np.linalg.norm(codes[pairs[0]] - codes[pairs[1]], axis=1)
    for quantile in (0.1, 0.5, 0.9):
        distance = np.quantile(distances, quantile)
        assert encoder.similarity(distance) == pytest.approx(1 - quantile, abs=0.05)


def test_the_bundle_states_its_closest_pairs(run, pixels, tmp_path):
    encoder = export(run, tmp_path / "bundle")
    assert all(share <= 0.005 for share, _ in encoder.model["closest_pairs"])


def test_the_generator_is_the_runs(run, tmp_path):
    export(run, tmp_path / "bundle", "--precision", "fp32")
    trained, _ = load_trained(run, "")
    codes = np.random.default_rng(0).uniform(-1, 1, (4, 100)).astype(np.float32)
    with torch.no_grad():
        expected = trained.generator(torch.from_numpy(codes)).permute(0, 2, 3, 1).numpy() * 255
    assert np.abs(load_generator(tmp_path / "bundle").generate(codes) - expected).max() < 1


def test_sample_draws_the_pictures_that_were_asked_for(run, tmp_path):
    export(run, tmp_path / "bundle")
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        result = latentsearch("sample", tmp_path / "bundle", "--count", 5, "--seed", seed, "-o", tmp_path / folder)
        assert result.exit_code == 0, result.output
    a, b, c = ([path.read_bytes() for path in sorted((tmp_path / folder).iterdir())] for folder in "abc")
    assert len(a) == 5 and a == b and a != c


def test_a_folder_that_holds_something_is_not_overwritten(run, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    result = latentsearch("export", run, "-o", tmp_path)
    assert result.exit_code == 2 and "not empty" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_without_a_run_is_one_sentence(tmp_path):
    result = latentsearch("export", tmp_path, "-o", tmp_path / "bundle")
    assert result.exit_code == 2 and "holds no training run" in result.output
