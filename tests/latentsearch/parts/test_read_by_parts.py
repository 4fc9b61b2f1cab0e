"""A layer of a trained network, read by parts: one graph, fitted on the run's pictures."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from indexer.decoding.decode import decode  # noqa: E402
from indexer.encoders.encoder import load_encoder  # noqa: E402
from indexer.encoders.framing import CELEBA  # noqa: E402
from latentsearch.cli import main  # noqa: E402
from tests.support import make_folder  # noqa: E402

PICTURES = 64
TINY = ("--batch", 16, "--epochs", 2, "--threads", 1, "--precision", "fp32")


def latentsearch(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    make_folder(folder / "pictures", PICTURES)
    done = latentsearch("train", "contrastive", folder / "pictures", "-o", folder / "run", "--width", 8, *TINY)
    assert done.exit_code == 0, done.output
    return folder / "run"


@pytest.fixture(scope="module")
def pixels(run):
    return np.stack([decode(path, CELEBA) for path in sorted((run.parent / "pictures").iterdir())])


def export(run, folder, *options):
    done = latentsearch("export", run, "-o", folder, "--read", "parts", *options)
    assert done.exit_code == 0, done.output
    return load_encoder(folder)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_layer_is_read_and_searched_with(run, pixels, tmp_path, precision):
    encoder = export(run, tmp_path / "bundle", "--precision", precision)
    codes = encoder.encode(pixels)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-4)
    assert encoder.model["reading"]["layer"] == 3 and "eyes" in encoder.model["reading"]["boxes"]
    assert encoder.model["fidelity"]["mean_cosine"] > (0.9 if precision == "int8" else 0.9999)
    assert "generator" in encoder.model and encoder.distance == "cosine"
    assert "layer 3 of 4" in (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    brighter = np.clip(pixels * 1.05, 0, 255).astype(np.uint8)
    found = (encoder.encode(brighter) @ codes.T).argmax(1)
    assert np.mean(found == np.arange(PICTURES)) > 0.9 > 1 / PICTURES
    done = latentsearch(
        "index", run.parent / "pictures", "--encoder", tmp_path / "bundle", "--index", tmp_path / "index", "--json"
    )
    assert json.loads(done.stdout)["encoded"] == PICTURES


def test_mirrored_pictures_have_the_same_code_where_the_family_says_so(run, pixels, tmp_path):
    (tmp_path / "boxes.toml").write_text("[parts]\nmiddle = [0.25, 0.25, 0.75, 0.75]\n")
    words = ("--precision", "fp32", "--layer", 2, "--parts", tmp_path / "boxes.toml")
    encoder = export(run, tmp_path / "bundle", *words)
    mirrored = encoder.encode(np.ascontiguousarray(pixels[:, :, ::-1]))
    np.testing.assert_allclose(mirrored, encoder.encode(pixels), atol=1e-3)


def test_only_the_parts_are_seen(run, pixels, tmp_path):
    (tmp_path / "boxes.toml").write_text("[parts]\ntop = [0, 0, 1, 0.25]\n")
    encoder = export(run, tmp_path / "bundle", "--layer", 2, "--parts", tmp_path / "boxes.toml", "--precision", "fp32")
    below = pixels.copy()
    below[:, 40:] = 0
    np.testing.assert_allclose(encoder.encode(below), encoder.encode(pixels), atol=1e-4)
    assert encoder.model["reading"]["boxes"] == {"top": [0, 0, 1, 0.25]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--read", "parts", "--layer", 9), "no layer 9: choose from 1 to 4"),
        (("--read", "parts", "--distance", "euclidean"), "compared by cosine"),
        (("--read", "parts", "--parts", "none.toml"), "cannot be read"),
        (("--layer", 2), "go with --read parts"),
        (("--parts", "grid"), "go with --read parts"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_leaves_nothing(run, tmp_path, options, words):
    done = latentsearch("export", run, "-o", tmp_path / "bundle", *options)
    assert done.exit_code == 2 and words in done.stderr
    assert not (tmp_path / "bundle").exists()
