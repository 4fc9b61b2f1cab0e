"""Aligned faces are told from other pictures without a detector."""

import numpy as np
import pytest

from indexer.encoders.aligned import FEATURES, KEY, are_aligned_faces, gradients
from indexer.encoders.encoder import find_bundle, read_model
from indexer.encoders.generator import load_generator
from indexer.errors import EncoderError

COUNT = 200


@pytest.fixture(scope="module")
def model():
    return read_model(find_bundle("parts"))


@pytest.fixture(scope="module")
def faces():
    return np.stack(list(load_generator("aegan").draw(COUNT, seed=5)))


def share(pictures, model):
    return are_aligned_faces(np.ascontiguousarray(pictures), model).mean()


def test_drawn_faces_are_recognised_bright_or_dark_and_mirrored(faces, model):
    for pictures in (faces, faces // 2, 128 + faces // 2, faces[:, :, ::-1], faces.mean(3, keepdims=True).repeat(3, 3)):
        assert share(pictures.astype(np.uint8), model) > 0.9


def test_faces_that_are_not_aligned_and_other_pictures_are_none(faces, model):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (COUNT, 64, 64, 3), np.uint8)
    blocks = rng.integers(0, 256, (COUNT, 8, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    slope = np.broadcast_to(np.arange(0, 256, 4, dtype=np.uint8)[None, None, :, None], (COUNT, 64, 64, 3))
    plain = np.broadcast_to(rng.integers(0, 256, (COUNT, 1, 1, 3), np.uint8), (COUNT, 64, 64, 3))
    upside_down, quarter = faces[:, ::-1], faces.transpose(0, 2, 1, 3)
    corner = faces[:, :32, :32].repeat(2, 1).repeat(2, 2)
    for pictures in (noise, blocks, slope, plain, upside_down, quarter, corner, np.roll(faces, 20, 1)):
        assert share(pictures, model) < 0.1


def test_gradients_are_finite_numbers_between_0_and_1(faces):
    found = gradients(np.concatenate([faces[:8], np.zeros((2, 64, 64, 3), np.uint8)]))
    assert found.shape == (10, FEATURES) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    assert not found[8:].any()
    assert gradients(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, FEATURES)


def test_a_bundle_without_the_rule_recognises_nothing(faces, model):
    without = {key: value for key, value in model.items() if key != KEY}
    assert not are_aligned_faces(faces, without).any()


@pytest.mark.parametrize("entry", [{}, [1], {"intercept": "one", "weights": []}, {"intercept": 0, "weights": [1.0]}])
def test_a_damaged_rule_is_one_sentence(faces, model, entry):
    with pytest.raises(EncoderError, match="encoder parts"):
        are_aligned_faces(faces, model | {KEY: entry})
