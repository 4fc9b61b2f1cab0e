"""The encoder that ships, as a newcomer meets it."""

import json

import numpy as np
from click.testing import CliRunner
from PIL import Image

from indexer.encoder import load_encoder, load_generator
from latentsearch.cli import main

GALLERY, QUERIES = 400, 100


def test_it_is_small_and_says_what_it_is():
    encoder = load_encoder()
    size = sum(path.stat().st_size for path in encoder.folder.iterdir())
    assert size <= 20e6
    assert encoder.model["fidelity"]["mean_cosine"] > 0.995
    assert encoder.model["scores"]["agreement@1"] > 0.754  # pHash
    card = (encoder.folder / "MODEL_CARD.md").read_text()
    for word in ("CelebA", "non-commercial", "hours", encoder.model["trained"]["hardware"], "agreement@20"):
        assert word in card


def test_it_is_listed():
    result = CliRunner().invoke(main, ["encoders", "--json"])
    assert result.exit_code == 0
    assert "aegan" in [encoder["name"] for encoder in json.loads(result.output)]


def test_its_generator_draws_different_pictures():
    pictures = np.stack(list(load_generator().draw(64, seed=0)))
    assert pictures.shape == (64, 64, 64, 3) and pictures.dtype == np.uint8
    assert pictures.std(axis=0).mean() > 15


def test_it_finds_the_original_of_a_picture_that_was_shrunk_and_brightened():
    encoder = load_encoder()
    gallery = np.stack(list(load_generator().draw(GALLERY, seed=1)))
    altered = [
        Image.fromarray(pixels).resize((40, 40)).resize((64, 64)).point(lambda value: min(255, value * 1.1))
        for pixels in gallery[:QUERIES]
    ]
    codes = encoder.encode(gallery)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-4)
    found = (encoder.encode(np.stack([np.asarray(picture) for picture in altered])) @ codes.T).argmax(axis=1)
    assert np.mean(found == np.arange(QUERIES)) >= 0.8
