from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.datasets.alterations import ALTERATIONS, alter, altered_faces, load_strengths
from benchmarks.datasets.celeba import load_faces
from tests.benchmarks.drawn_celeba import make_drawn_celeba
from tests.support import draw_picture

STRENGTHS = load_strengths()


def altered(name: str, picture: Image.Image, seed: int = 0) -> np.ndarray:
    return np.asarray(alter(picture, name, STRENGTHS[name], np.random.default_rng(seed)), np.int64)


@pytest.fixture
def picture():
    return draw_picture(7)


@pytest.fixture
def original(picture):
    return np.asarray(picture, np.int64)


def test_every_alteration_has_a_strength():
    assert list(STRENGTHS) == list(ALTERATIONS)


def test_strengths_are_the_ones_that_were_fixed():
    assert STRENGTHS["blur"] == {"sigma": 2.0}
    assert STRENGTHS["shift"] == {"length": 10}
    assert STRENGTHS["rotation"] == {"degrees": 10}
    assert STRENGTHS["crop"] == {"share": 0.9}
    assert STRENGTHS["jpeg"] == {"quality": 10}
    assert STRENGTHS["patch"]["area"] == 0.25


@pytest.mark.parametrize("name", ALTERATIONS)
def test_the_same_random_numbers_alter_alike(name, picture, original):
    first = altered(name, picture)
    assert first.shape == original.shape
    assert (first != original).any()
    assert (first == altered(name, picture)).all()


def test_colours_turn_by_a_third_of_the_circle():
    skin = Image.new("RGB", (178, 218), (200, 150, 120))
    assert altered("colour", skin)[0, 0].tolist() == [150, 120, 200]


def test_sunglasses_cover_the_eyes_and_nothing_else(picture, original):
    difference = altered("sunglasses", picture) != original
    result = altered("sunglasses", picture)
    for x, y in ((69, 111), (108, 111), (88, 111)):
        assert (result[y, x] == STRENGTHS["sunglasses"]["shade"]).all()
    assert not difference[:95].any() and not difference[130:].any()


def test_sunglasses_grow_with_the_picture():
    large = Image.new("RGB", (356, 436), "white")
    result = altered("sunglasses", large)
    assert result[222, 138].max() < 20 and result[222, 216].max() < 20


def test_blur_spreads_a_line_to_its_standard_deviation():
    line = Image.new("RGB", (178, 218))
    line.paste("white", (89, 0, 90, 218))
    row = altered("blur", line)[100, :, 0]
    offsets = np.arange(178) - 89
    assert np.sqrt((row * offsets**2).sum() / row.sum()) == pytest.approx(2, abs=0.3)


def test_a_shift_moves_by_10_pixels_in_any_direction():
    directions = set()
    for seed in range(8):
        dot = Image.new("RGB", (178, 218))
        dot.putpixel((80, 100), (255, 255, 255))
        [[y, x]] = np.argwhere(altered("shift", dot, seed)[:, :, 0])
        assert np.hypot(x - 80, y - 100) == pytest.approx(10, abs=0.8)
        directions.add((x > 80, y > 100))
    assert len(directions) > 1


@pytest.mark.parametrize("name", ["shift", "rotation"])
def test_nothing_black_comes_in_from_outside(name):
    white = Image.new("RGB", (178, 218), "white")
    assert (altered(name, white) == 255).all()


def test_a_rotation_goes_both_ways(picture):
    turned = {altered("rotation", picture, seed).tobytes() for seed in range(8)}
    assert len(turned) == 2


def test_a_flip_undoes_itself(picture, original):
    assert (altered("flip", picture)[:, ::-1] == original).all()


def test_a_crop_enlarges_the_middle():
    ring = Image.new("RGB", (178, 218), "white")
    ring.paste("black", (10, 12, 168, 206))
    assert (altered("crop", ring)[4:-4, 4:-4] < 40).all()


def test_a_patch_covers_a_quarter():
    white = Image.new("RGB", (178, 218), "white")
    places = set()
    for seed in range(4):
        covered = altered("patch", white, seed)[:, :, 0] == 0
        assert covered.mean() == pytest.approx(0.25, abs=0.005)
        places.add(tuple(np.argwhere(covered)[0]))
    assert len(places) > 1


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return load_faces(make_drawn_celeba(tmp_path / "celeba"), "train")


def test_altered_faces_are_png_files_in_the_cache_made_once(gallery, tmp_path):
    rows = np.array([3, 5])
    faces = altered_faces(gallery, rows, "shift", seed=0)
    assert [path.name for path in faces.paths] == ["shift-000004.png", "shift-000006.png"]
    assert all(path.is_relative_to(tmp_path / "cache") for path in faces.paths)
    assert faces.pixels().shape == (2, 64, 64, 3)
    assert (faces.attributes == gallery.attributes[rows]).all()
    before = [path.stat().st_mtime_ns for path in faces.paths]
    assert [path.stat().st_mtime_ns for path in altered_faces(gallery, rows, "shift", seed=0).paths] == before


def test_another_seed_or_strength_makes_other_files(gallery, monkeypatch):
    rows = np.array([3])

    def content(seed: int) -> bytes:
        [path] = altered_faces(gallery, rows, "shift", seed).paths
        return Path(path).read_bytes()

    first = content(0)
    assert content(1) != first
    monkeypatch.setattr("benchmarks.datasets.alterations.load_strengths", lambda: {"shift": {"length": 30}})
    assert content(0) != first
