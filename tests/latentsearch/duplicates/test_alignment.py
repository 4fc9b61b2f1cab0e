"""Pictures laid over one another: a window that is known is found again, and details tell pictures apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from latentsearch.duplicates.compare.alignment import WHOLE, Array, align, correlation, least_field, likeness, through

SIDE = 32
PROPERTY = settings(max_examples=25, deadline=None)
seeds = some.integers(0, 10_000)
inset = some.floats(0, 0.08)


def texture(seed: int, side: int = SIDE) -> Array:
    """Smooth random light and shade, one grey picture: float32 (1, side, side)."""
    random = np.random.default_rng(seed)
    shade = np.full((side, side), 128, np.float32)
    for cells in (3, 6, 10):
        grain = Image.fromarray(random.normal(0, 25, (cells, cells)).astype(np.float32))
        shade += np.asarray(grain.resize((side, side), Image.Resampling.BICUBIC))
    return shade[None]


@PROPERTY
@given(seeds, inset, inset, inset, inset, some.floats(0.6, 1.4))
def test_a_known_window_is_found(
    seed: int, left: float, right: float, top: float, bottom: float, contrast: float
) -> None:
    picture = texture(seed)
    window = np.array([[left, 1 - right, top, 1 - bottom]], np.float32)
    seen, _ = through(picture, window)
    found, alike = align(seen * contrast, picture, WHOLE[None], 30)
    assert np.abs(found - window).max() < 0.001
    assert alike[0] > 0.9999


@PROPERTY
@given(seeds, inset, inset, inset, inset, some.floats(0.6, 1.4), some.floats(-30, 30))
def test_brightness_leaves_it_within_a_pixel(
    seed: int, left: float, right: float, top: float, bottom: float, contrast: float, brightness: float
) -> None:
    picture = texture(seed)
    window = np.array([[left, 1 - right, top, 1 - bottom]], np.float32)
    seen, _ = through(picture, window)
    found, alike = align(seen * contrast + brightness, picture, WHOLE[None], 30)
    assert np.abs(found - window).max() < 1 / SIDE
    assert alike[0] > 0.98


@PROPERTY
@given(seeds, inset, inset)
def test_aligning_never_makes_it_worse(seed: int, left: float, top: float) -> None:
    start = np.array([[left, 1, top, 1]], np.float32)
    reference, other = texture(seed), texture(seed + 1)
    seen, inside = through(other, start)
    _, alike = align(reference, other, start, 3)
    assert alike[0] >= correlation(reference, seen, inside)[0] - 1e-6


@PROPERTY
@given(seeds, some.floats(0.3, 2), some.floats(-50, 50))
def test_brightness_and_contrast_do_not_count(seed: int, contrast: float, brightness: float) -> None:
    picture = texture(seed, 64)
    changed = picture * contrast + brightness
    assert likeness(picture, changed, WHOLE[None])[0] == pytest.approx(1, abs=1e-3)
    assert least_field(picture, changed, WHOLE[None])[0] == pytest.approx(1, abs=1e-3)


def test_other_details_are_not_alike() -> None:
    first, second = texture(1, 64), texture(2, 64)
    assert likeness(first, second, WHOLE[None])[0] < 0.5


def test_the_whole_window_shows_the_picture_itself() -> None:
    picture = texture(1)
    seen, inside = through(picture, WHOLE[None])
    assert np.allclose(seen, picture, atol=1e-3)
    assert inside.all()


def test_what_lies_outside_of_the_picture_does_not_count() -> None:
    picture = texture(1)
    seen, inside = through(picture, np.array([[0.5, 1.5, 0, 1]], np.float32))
    assert inside[0, :, : SIDE // 2].all() and not inside[0, :, SIDE // 2 :].any()
    assert correlation(np.where(inside, seen, 0), seen, inside)[0] == pytest.approx(1)


def test_a_blank_picture_is_like_none() -> None:
    blank, picture = np.full((1, SIDE, SIDE), 200, np.float32), texture(1)
    for first, second in ((blank, picture), (picture, blank), (blank, blank)):
        windows, alike = align(first, second, WHOLE[None], 3)
        assert alike[0] == 0 and np.isfinite(windows).all()


@pytest.mark.parametrize("in_reference", [True, False])
def test_what_only_one_of_them_has_in_two_places_tells_them_apart(in_reference: bool) -> None:
    scene = np.full((1, 64, 64), 128, np.float32)
    scene[:, 34:, 34:] += np.random.default_rng(0).normal(0, 40, (30, 30)).astype(np.float32)
    with_things = scene.copy()
    for x in (4, 50):
        with_things[0, 4:12, x : x + 8] += 90
    pair = (with_things, scene) if in_reference else (scene, with_things)
    assert least_field(*pair, WHOLE[None])[0] < 0.25
    assert least_field(scene, scene, WHOLE[None])[0] == pytest.approx(1, abs=1e-3)
