"""Codes by parts through the command line: fitted on drawn pictures, exported, searched with; without PyTorch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from indexer.decoding.decode import decode
from indexer.encoders.encoder import load_encoder
from indexer.encoders.generator import load_generator
from latentsearch.cli import main
from latentsearch.training.families.parts import Recipe
from tests.support import draw_picture, make_folder

ROOT = Path(__file__).parents[3]
PICTURES = 96
WITHOUT_TORCH = "import sys\nfor name in ('torch', 'torchvision', 'safetensors'): sys.modules[name] = None\n"
RUN = "from latentsearch.cli import main\nmain({arguments}, prog_name='latentsearch')\n"


# Fitted in a moment, for tests that would hold for any parts.
FEW = "[parts]\neyes = [0.125, 0.25, 0.875, 0.5625]\nmouth = [0.1875, 0.5625, 0.8125, 0.9375]\n"


def latentsearch(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def fitted(data, run, *options):
    done = latentsearch("train", "parts", data, "-o", run, *options)
    assert done.exit_code == 0, done.output
    return run


def exported(run, bundle, *options):
    done = latentsearch("export", run, "-o", bundle, *options)
    assert done.exit_code == 0, done.output
    return load_encoder(bundle)


def described(run):
    return json.loads((run / "run.json").read_text())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    make_folder(folder, PICTURES)
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("boxes") / "few.toml"
    path.write_text(FEW)
    return ("--parts", path)


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    return fitted(pictures, tmp_path_factory.mktemp("runs") / "parts")


@pytest.fixture(scope="module")
def quick_run(pictures, few, tmp_path_factory):
    return fitted(pictures, tmp_path_factory.mktemp("runs") / "few", *few)


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "parts"
    exported(run, folder)
    return folder


@pytest.fixture(scope="module")
def pixels(pictures):
    return np.stack([decode(path, Recipe().framing) for path in sorted(pictures.iterdir())])


def test_all_of_it_works_without_torch(pictures, few, tmp_path):
    environment = {**os.environ, "LATENTSEARCH_INDEX": str(tmp_path / "index")}
    one = str(sorted(pictures.iterdir())[0])
    for arguments in (
        ["train", "parts", str(pictures), "-o", str(tmp_path / "run"), "--parts", str(few[1])],
        ["export", str(tmp_path / "run"), "-o", str(tmp_path / "bundle")],
        ["index", str(pictures), "--encoder", str(tmp_path / "bundle")],
        ["query", one, "--json"],
    ):
        code = WITHOUT_TORCH + RUN.format(arguments=arguments)
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["path"] == one


def test_codes_are_short_of_length_one_and_know_mirrored_pictures(bundle, pixels):
    codes = load_encoder(bundle).encode(pixels)
    assert codes.shape[1] <= 128
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    mirrored = load_encoder(bundle).encode(np.ascontiguousarray(pixels[:, :, ::-1]))
    np.testing.assert_allclose(mirrored, codes, atol=2e-3)


def test_altered_copies_are_nearer_than_other_pictures(bundle, pictures, pixels):
    encoder = load_encoder(bundle)
    copies = []
    for path in sorted(pictures.iterdir()):
        with Image.open(path) as picture:
            turned = picture.rotate(4, Image.Resampling.BILINEAR).point(lambda value: min(255, int(value * 1.08)))
        turned.save(pictures.parent / "copy.png")
        copies.append(decode(pictures.parent / "copy.png", encoder.framing))
    found = (encoder.encode(np.stack(copies)) @ encoder.encode(pixels).T).argmax(1)
    assert np.mean(found == np.arange(PICTURES)) > 0.95 > 2 / PICTURES


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(quick_run, pictures, few, tmp_path):
    again = fitted(pictures, tmp_path / "again", *few)
    other = fitted(pictures, tmp_path / "other", *few, "--seed", "1")
    for file in ("encoder.onnx", "generator.onnx"):
        assert (again / file).read_bytes() == (quick_run / file).read_bytes()
    assert (other / "encoder.onnx").read_bytes() != (quick_run / "encoder.onnx").read_bytes()


def test_what_fits_is_what_encodes(run, tmp_path, pixels):
    exact = exported(run, tmp_path / "exact", "--precision", "fp32").encode(pixels)
    stored = exported(run, tmp_path / "stored", "--precision", "fp16")
    np.testing.assert_allclose(stored.encode(pixels), exact, atol=5e-3)
    assert stored.model["fidelity"]["mean_cosine"] > 0.9999
    assert stored.model["precision"] == "fp16" and stored.model["distance"] == "cosine"
    sizes = [(tmp_path / name / "encoder.onnx").stat().st_size for name in ("exact", "stored")]
    assert sizes[1] < 0.8 * sizes[0]


def test_the_generator_draws_what_the_code_sees(bundle, pixels):
    generator, encoder = load_generator(bundle), load_encoder(bundle)
    drawn = generator.generate(encoder.encode(pixels)).astype(float)
    assert drawn.shape == (PICTURES, 64, 64, 3) and generator.prior == "none"
    small = pixels.reshape(PICTURES, 64, 2, 64, 2, 3).mean((2, 4))
    symmetric = (small + small[:, :, ::-1]) / 2
    error = np.abs(drawn - symmetric).mean()
    assert error < 0.5 * np.abs(symmetric.mean(0) - symmetric).mean()
    refused = latentsearch("sample", bundle, "-o", bundle.parent / "drawn")
    assert refused.exit_code == 4 and "only decodes" in refused.stderr


def test_the_card_says_that_it_is_classical(bundle):
    card = (bundle / "MODEL_CARD.md").read_text()
    for words in ("no network", "Dalal", "Fisher", "Pentland", "eyes", f"{PICTURES} pictures", "seed 0"):
        assert words in card, words
    assert "PyTorch" not in card


@pytest.mark.parametrize(
    ("size", "options", "first"),
    [((178, 218), (), "eyes"), ((128, 128), (), "upper left"), ((128, 128), ("--parts", "faces"), "eyes")],
)
def test_parts_are_those_of_faces_where_the_shape_says_so(tmp_path, size, options, first):
    (tmp_path / "pictures").mkdir()
    for seed in range(20):
        draw_picture(seed, size).save(tmp_path / "pictures" / f"{seed}.png")
    run = fitted(tmp_path / "pictures", tmp_path / "run", *options)
    assert first in described(run)["boxes"] and "whole" in described(run)["boxes"]
    assert described(run)["recipe"]["parts"] == ("faces" if first == "eyes" else "grid")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boxes.toml", "[parts]\nall = [0, 0, 1, 1]\nleft = [0, 0.25, 0.5, 0.75]\n"),
        ("boxes.json", '{"parts": {"all": [0, 0, 1, 1], "left": [0, 0.25, 0.5, 0.75]}}'),
    ],
)
def test_own_boxes_come_from_a_file(pictures, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    run = fitted(pictures, tmp_path / "run", "--parts", tmp_path / name)
    assert described(run)["boxes"] == {"all": [0, 0, 1, 1], "left": [0, 0.25, 0.5, 0.75]}


def test_what_lies_outside_of_all_parts_is_not_seen(pictures, pixels, tmp_path):
    (tmp_path / "boxes.toml").write_text("[parts]\ntop = [0, 0, 1, 0.5]\n")
    run = fitted(pictures, tmp_path / "run", "--parts", tmp_path / "boxes.toml")
    encoder = exported(run, tmp_path / "bundle")
    below, above = pixels.copy(), pixels.copy()
    below[:, 84:], above[:, :44] = 0, 0  # a cell's neighbours are seen too: their derivatives count in its norm
    codes = encoder.encode(pixels)
    np.testing.assert_allclose(encoder.encode(below), codes, atol=1e-5)
    assert np.abs(encoder.encode(above) - codes).max() > 0.1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("missing.toml", None, "cannot be read"),
        ("boxes.toml", "[parts\n", "is not TOML"),
        ("boxes.json", "{", "is not JSON"),
        ("latin.toml", b"\xe9", "is not TOML"),
        ("deep.json", "[" * 100_000, "is not JSON"),
        ("none.toml", "parts = {}\n", "1 to 32 boxes"),
        ("list.json", "[1]", "1 to 32 boxes"),
        ("three.toml", "[parts]\na = [0, 0, 1]\n", "'a' is not"),
        ("text.toml", '[parts]\na = [0, 0, 1, "1"]\n', "'a' is not"),
        ("nan.toml", "[parts]\na = [0, 0, 1, nan]\n", "'a' is not"),
        ("pixels.toml", "[parts]\na = [0, 0, 64, 64]\n", "'a' is not"),
        ("empty.toml", "[parts]\na = [0.5, 0, 0.5, 1]\n", "'a' is empty"),
        ("turned.toml", "[parts]\na = [0.9, 0, 0.1, 1]\n", "'a' is empty"),
    ],
)
def test_a_bad_file_of_boxes_is_one_sentence_and_leaves_nothing(pictures, tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = latentsearch("train", "parts", pictures, "-o", tmp_path / "run", "--parts", tmp_path / name)
    assert done.exit_code == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def odd_pictures(kind):
    if kind == "three":
        return [draw_picture(seed) for seed in range(3)]
    if kind == "1x1":
        return [Image.new("RGB", (1, 1), (12 * shade, 99, 255 - 12 * shade)) for shade in range(12)]
    if kind == "one constant":
        return [Image.new("RGB", (40, 40), (7, 7, 7)), *(draw_picture(seed, (40, 40)) for seed in range(12))]
    return {"constant": [Image.new("RGB", (40, 40), (99, 99, 99))] * 4, "one": [draw_picture(0)]}[kind]


@pytest.mark.parametrize("kind", ["three", "1x1", "one constant"])
def test_codes_of_odd_pictures_are_finite(few, tmp_path, kind):
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(odd_pictures(kind)):
        picture.save(tmp_path / "pictures" / f"{number}.png")
    encoder = exported(fitted(tmp_path / "pictures", tmp_path / "run", *few), tmp_path / "bundle")
    noise = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), np.uint8)
    shades = np.stack([np.full((128, 128, 3), shade, np.uint8) for shade in (0, 99, 255)])
    codes = encoder.encode(np.concatenate([noise, shades]))
    assert codes.shape[1] >= 1 and np.isfinite(codes).all()
    done = latentsearch("index", tmp_path / "pictures", "--encoder", tmp_path / "bundle", "--index", tmp_path / "index")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("kind", ["constant", "one"])
def test_pictures_that_do_not_differ_teach_nothing(few, tmp_path, kind):
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(odd_pictures(kind)):
        picture.save(tmp_path / "pictures" / f"{number}.png")
    done = latentsearch("train", "parts", tmp_path / "pictures", "-o", tmp_path / "run", *few)
    assert done.exit_code == 2 and "look alike" in done.stderr
    refused = latentsearch("export", tmp_path / "run", "-o", tmp_path / "bundle")
    assert refused.exit_code == 2 and "--resume" in refused.stderr


@pytest.mark.parametrize("kind", ["digits", "photographs"])
def test_arrays_are_scaled_and_classes_stay_together(tmp_path, kind):
    random = np.random.default_rng(0)
    side, colours = (28, ()) if kind == "digits" else (32, (3,))
    classes = random.integers(0, 4, 160)
    images = random.integers(0, 40, (160, side, side, *colours), np.uint8)
    for image, number in zip(images, classes, strict=True):
        row, column = 1 + 6 * number + random.integers(0, 2), random.integers(8, 14)  # one above another: mirrored
        image[row : row + 6, column : column + 6] = 220
    path = tmp_path / f"{kind}.npz"
    np.savez(path, x_train=images[:120], y_train=classes[:120], x_test=images[120:], y_test=classes[120:])
    run = fitted(path, tmp_path / "run")
    assert described(run)["recipe"]["mirror"] is (kind == "photographs")
    encoder = exported(run, tmp_path / "bundle")
    framed = np.fromfile(run / "images.u8", np.uint8).reshape(160, encoder.framing.height, encoder.framing.width, 3)
    codes = encoder.encode(framed)  # the held-out ones first
    nearest = (codes[:40] @ codes[40:].T).argmax(1)
    assert np.mean(classes[:120][nearest] == classes[120:]) > 0.8 > 0.25


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--width", "8"), "no --width"),
        (("--epochs", "1"), "no --epochs"),
        (("--preset", "paper"), "no preset paper"),
        (("--change", "size=100"), "not a multiple of 32"),
        (("--change", "colour=red"), "needs a value of type"),
        (("--label", "Smiling"), "leave it out"),
        (("--latent-size", "auto"), "leave it out"),
        (("--parts", "nose"), "faces and grid"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(pictures, tmp_path, options, words):
    done = latentsearch("train", "parts", pictures, "-o", tmp_path / "run", *options)
    assert done.exit_code == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_size_of_codes_can_be_chosen(pictures, few, tmp_path):
    run = fitted(pictures, tmp_path / "run", *few, "--latent-size", "16")
    assert exported(run, tmp_path / "bundle").latent_size == 16


@pytest.mark.parametrize(
    ("options", "words"), [(("--precision", "int8"), "fp32 or fp16"), (("--distance", "euclidean"), "cosine")]
)
def test_a_bundle_in_another_form_is_refused(quick_run, tmp_path, options, words):
    done = latentsearch("export", quick_run, "-o", tmp_path / "bundle", *options)
    assert done.exit_code == 2 and words in done.stderr
    assert not (tmp_path / "bundle").exists()


def test_a_run_goes_on_with_resume_alone(quick_run, few, pictures):
    refused = latentsearch("train", "parts", pictures, "-o", quick_run, *few)
    assert refused.exit_code == 2 and "--resume" in refused.stderr
    before = (quick_run / "encoder.onnx").read_bytes()
    fitted(pictures, quick_run, *few, "--resume")
    assert (quick_run / "encoder.onnx").read_bytes() == before
