"""The encoders that ship, as a newcomer meets them: the default, and AEGAN's by name."""

import hashlib
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from indexer.encoders.attributes import load_attribute_encoder
from indexer.encoders.encoder import load_encoder
from indexer.encoders.generator import load_generator
from latentsearch.attributes.redraw import Redrawing
from latentsearch.cli import main
from latentsearch.notation import Change
from tests.latentsearch.collection import call

GALLERY, QUERIES = 400, 100


# The default beats all that is linear but itself, `contrastive` whitened PCA of thumbnails by cosine, the others pHash.
@pytest.mark.parametrize(
    ("name", "megabytes", "least"),
    [(None, 4, 0.830), ("contrastive", 8, 0.791), ("aegan", 8, 0.786), ("icgan", 8, 0.7), ("ivegan", 6, 0.754)],
)
def test_it_is_small_and_says_what_it_is(name, megabytes, least):
    encoder = load_encoder(name)
    size = sum(path.stat().st_size for path in encoder.folder.iterdir())
    assert size <= megabytes * 1e6
    assert encoder.model["fidelity"]["mean_cosine"] > 0.995
    assert encoder.model["scores"]["agreement@1"] > least
    card = (encoder.folder / "MODEL_CARD.md").read_text()
    time = "seconds" if name is None else "hours"
    for word in ("CelebA", "non-commercial", time, encoder.model["trained"]["hardware"], "agreement@20"):
        assert word in card


def test_they_are_listed():
    result = CliRunner().invoke(main, ["encoders", "--json"])
    assert result.exit_code == 0
    assert {"aegan", "attributes", "contrastive", "ivegan", "parts", "photos"} <= {
        encoder["name"] for encoder in json.loads(result.output)
    }


def test_the_one_for_any_picture_is_small_has_its_licence_and_says_that_it_learned_with_labels():
    encoder = load_encoder("photos")
    folder, scores = encoder.folder, encoder.model["scores"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8e6 and encoder.latent_size <= 256
    # A new index decodes for either encoder before it has chosen one.
    assert encoder.framing == load_encoder("parts").framing
    licence = (folder / "LICENSE").read_bytes()
    assert b"Apache License" in licence and b"TERMS AND CONDITIONS" in licence
    assert encoder.model["files"]["LICENSE"]["sha256"] == hashlib.sha256(licence).hexdigest()
    card = (folder / "MODEL_CARD.md").read_text()
    assert "learned with labels" in card and "ImageNet" in card and "No label" not in card
    assert scores["same class of cifar10@1"] >= 0.64 and scores["same class of cifar10@20"] >= 0.55
    assert encoder.model["fidelity"]["mean_cosine"] > 0.98


def test_the_one_that_tells_attributes_makes_faces_without_labels_searchable_by_them(tmp_path):
    drawn, index = tmp_path / "drawn", tmp_path / "index"
    assert call("sample", "-o", drawn, "--count", "150").exit_code == 0
    faces = sorted(drawn.glob("*.png"))
    told = json.loads(call("attributes", *faces, "--json").stdout)
    assert all(len(one["labels"]) == 18 and one["encoder"] == "attributes" for one in told)
    smiling = np.mean([one["labels"]["Smiling"]["holds"] for one in told])
    assert 0.2 < smiling < 0.8  # of the faces that it learned from 48 % do
    assert call("index", drawn, "--index", index).exit_code == 0
    refused = call("query", faces[0], "--set", "Smiling=1", "--index", index)
    assert refused.exit_code == 2 and "--predict-labels" in refused.stderr
    made = call("index", drawn, "--index", index, "--predict-labels")
    assert made.exit_code == 0 and f"{len(faces)} got predicted labels" in made.stdout
    shares = {"1": [], "0": []}
    for face in faces[:8]:
        for value, found in shares.items():
            words = ("--set", f"Smiling={value}", "-k", "10", "--index", index, "--json")
            hits = json.loads(call("query", face, *words).stdout)["results"]
            found += [hit["labels"]["Smiling"] for hit in hits]
    assert np.mean(shares["1"]) > 0.7 and np.mean(shares["0"]) < 0.3


def test_icgan_redraws_a_face_with_a_label_set(tmp_path):
    drawn = tmp_path / "drawn"
    assert call("sample", "icgan", "-o", drawn, "--count", "40").exit_code == 0
    faces = sorted(drawn.glob("*.png"))
    told = json.loads(call("attributes", *faces, "--json").stdout)
    without = [face for face, one in zip(faces, told, strict=True) if not one["labels"]["Eyeglasses"]["holds"]]
    pictures = np.stack([np.asarray(Image.open(face)) for face in without[:20]])
    redrawn = Redrawing("icgan", [Change("Eyeglasses", 1)]).redraw(pictures)
    seen = load_attribute_encoder("attributes").values(redrawn)
    column = load_attribute_encoder("attributes").labels.index("Eyeglasses")
    assert (seen[:, column] >= 0.5).mean() > 0.8


def test_one_encodes_and_the_other_draws_unless_told_otherwise():
    assert load_encoder().name == "parts" and load_generator().name == "aegan"


def test_contrastive_knows_mirrored_pictures_and_its_generator_draws_faces_too():
    encoder, generator = load_encoder("contrastive"), load_generator("contrastive")
    pictures = np.stack(list(generator.draw(64, seed=0)))
    assert generator.prior == "gaussian"
    assert pictures.shape == (64, 64, 64, 3) and pictures.std(axis=0).mean() > 15
    likeness = (encoder.encode(pictures) * encoder.encode(pictures[:, :, ::-1])).sum(axis=1)
    assert likeness.min() > 0.97


def test_its_generator_draws_different_pictures():
    pictures = np.stack(list(load_generator().draw(64, seed=0)))
    assert pictures.shape == (64, 64, 64, 3) and pictures.dtype == np.uint8
    assert pictures.std(axis=0).mean() > 15


def test_the_default_knows_mirrored_pictures_and_its_generator_shows_what_it_sees():
    encoder, generator = load_encoder(), load_generator("parts")
    faces = _framed(list(load_generator().draw(64, seed=0)), encoder)
    codes = encoder.encode(faces)
    assert (codes * encoder.encode(np.ascontiguousarray(faces[:, :, ::-1]))).sum(axis=1).min() > 0.999
    seen = generator.generate(codes).astype(float)
    small = faces.reshape(64, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    small = (small + small[:, :, ::-1]) / 2  # the code does not know left from right
    errors = np.abs(seen[:, None] - small).mean(axis=(2, 3, 4))
    assert np.mean(errors.argmin(axis=1) == np.arange(64)) > 0.8 > 1 / 64


def _framed(pictures, encoder):
    size = (encoder.framing.width, encoder.framing.height)
    resized = [Image.fromarray(np.asarray(one)).resize(size, Image.Resampling.BILINEAR) for one in pictures]
    return np.stack([np.asarray(one) for one in resized])


@pytest.mark.parametrize("name", [None, "contrastive", "aegan"])
def test_it_finds_the_original_of_a_picture_that_was_shrunk_and_brightened(name):
    encoder = load_encoder(name)
    gallery = np.stack(list(load_generator().draw(GALLERY, seed=1)))
    altered = [
        Image.fromarray(pixels).resize((40, 40)).resize((64, 64)).point(lambda value: min(255, value * 1.1))
        for pixels in gallery[:QUERIES]
    ]
    codes = encoder.encode(_framed(gallery, encoder))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-4)
    found = (encoder.encode(_framed(altered, encoder)) @ codes.T).argmax(axis=1)
    assert np.mean(found == np.arange(QUERIES)) >= 0.8
