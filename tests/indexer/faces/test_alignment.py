"""Similarity transforms, and the pixels that they lay on a template."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.encoders.framing import CELEBA, CELEBA_POINTS, Framing, template_of
from indexer.faces.alignment import inverse, laid_on, mapped, similarity
from tests.support import draw_picture

POINTS = np.array(CELEBA_POINTS)


@settings(max_examples=200, deadline=None)
@given(st.floats(-np.pi, np.pi), st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    known = np.column_stack([rotation, [x, y]])
    found = similarity(POINTS, mapped(known, POINTS))
    assert np.allclose(found, known, rtol=1e-6, atol=1e-6 * max(scale, abs(x), abs(y), 1))
    assert np.allclose(mapped(inverse(found), mapped(found, POINTS)), POINTS, atol=1e-6)


def test_a_mirrored_face_is_turned_and_not_mirrored() -> None:
    found = similarity(POINTS * [-1, 1], POINTS)
    assert np.linalg.det(found[:, :2]) > 0


def test_the_transform_has_the_least_squared_error() -> None:
    random = np.random.default_rng(0)
    noisy = POINTS + random.normal(0, 3, POINTS.shape)
    found = similarity(noisy, POINTS)
    least = ((mapped(found, noisy) - POINTS) ** 2).sum()
    for _ in range(200):
        turn = random.normal(0, 0.02, (2, 1))
        other = found + np.column_stack([[turn[0, 0], turn[1, 0]], [-turn[1, 0], turn[0, 0]], random.normal(0, 1, 2)])
        assert ((mapped(other, noisy) - POINTS) ** 2).sum() >= least


@pytest.mark.parametrize("side", [64, 128])
def test_an_aligned_picture_gets_the_crop_of_the_encoder(side: int) -> None:
    framing = Framing(side, side, CELEBA.crops)
    picture = draw_picture(1).resize((712, 872), Image.Resampling.BICUBIC)
    box = framing.box(*picture.size)
    expected = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box=box), float)
    transform = similarity(4 * POINTS, np.array(template_of(framing)))
    found = np.asarray(laid_on(picture, transform, (side, side)), float)
    assert np.abs(found - expected).mean() < 1.5


def test_beyond_a_picture_its_outermost_pixels_are_repeated() -> None:
    picture = Image.new("RGB", (30, 20), (200, 100, 50))
    shifted = np.array([[1.0, 0, 40], [0, 1, -100]])
    assert np.abs(np.asarray(laid_on(picture, shifted, (64, 64)), int) - [200, 100, 50]).max() == 0
