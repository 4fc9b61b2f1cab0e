"""The detector on generated faces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.encoders.encoder import load_encoder
from indexer.errors import EncoderError
from indexer.faces.alignment import mapped
from indexer.faces.detector import DETECTOR, FaceDetector, load_detector
from indexer.faces.finder import FaceFinder
from indexer.faces.framing import FaceFraming
from tests.faces_in_photographs import PLACES, generated, photograph, places_of
from tests.support import draw_picture, make_bundle


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return load_detector()


def test_every_face_is_found_once_and_the_largest_comes_first(detector: FaceDetector) -> None:
    faces = detector.find(photograph([0, 1, 2]))
    assert list(places_of([face.box for face in faces], PLACES)) == [1, 0, 2]
    assert [face.area for face in faces] == sorted((face.area for face in faces), reverse=True)
    for face in faces:
        left, top, right, bottom = face.box
        (left_eye, right_eye, nose, *mouth) = face.points
        assert all(left < x < right and top < y < bottom for x, y in face.points)
        assert left_eye[0] < nose[0] < right_eye[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(y for _, y in mouth)


def test_a_scene_without_a_face_has_none(detector: FaceDetector) -> None:
    assert detector.find(photograph([])) == []
    assert detector.find(Image.new("RGB", (1, 1))) == []
    assert detector.find(Image.new("RGB", (2000, 3), "white")) == []


def test_grey_pictures_have_faces(detector: FaceDetector) -> None:
    assert len(detector.find(photograph([0, 1, 2]).convert("L").convert("RGB"))) == 3


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_turned_faces_have_turned_points(detector: FaceDetector, degrees: int) -> None:
    upright = photograph([0], [(150, 100, 220)], (520, 420))
    [before] = detector.find(upright)
    [after] = detector.find(upright.rotate(degrees, Image.Resampling.BICUBIC))
    angle = np.deg2rad(-degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([260.0, 210.0])
    turned = mapped(np.column_stack([rotation, centre - rotation @ centre]), np.array(before.points))
    eyes = np.linalg.norm(turned[0] - turned[1])
    assert np.linalg.norm(np.array(after.points) - turned, axis=1).mean() < 0.08 * eyes


@pytest.mark.parametrize("scale", [0.4, 1, 4])
def test_boxes_and_points_are_in_pixels_of_the_picture(detector: FaceDetector, scale: float) -> None:
    upright = photograph([0], [(150, 100, 220)], (520, 420))
    [before] = detector.find(upright)
    size = round(scale * 520), round(scale * 420)
    [after] = detector.find(upright.resize(size, Image.Resampling.BICUBIC))
    eyes = before.points[1][0] - before.points[0][0]
    assert np.abs(np.array(after.points) / scale - np.array(before.points)).max() < 0.1 * eyes
    assert np.abs(np.array(after.box) / scale - np.array(before.box)).max() < 0.6 * eyes


def test_a_face_that_fills_a_small_picture_is_found(detector: FaceDetector) -> None:
    assert len(detector.find(generated()[0])) == 1


def test_few_drawings_are_taken_for_faces(detector: FaceDetector) -> None:
    assert sum(bool(detector.find(draw_picture(seed, (120, 150)))) for seed in range(40)) <= 1


def test_aligned_faces_have_the_points_where_the_template_has_them(detector: FaceDetector, tmp_path: Path) -> None:
    encoder = load_encoder(make_bundle(tmp_path, aligned=True))
    framing = FaceFraming.of(encoder)
    picture = photograph([0], [(150, 100, 220)], (520, 420)).rotate(20, Image.Resampling.BICUBIC)
    found = FaceFinder(detector, framing).find(picture, 5200, 4200)
    assert found.pixels.shape == (1, 64, 64, 3)
    [again] = detector.find(Image.fromarray(found.pixels[0]))
    assert np.linalg.norm(np.array(again.points) - np.array(framing.template), axis=1).mean() < 4
    assert found.faces[0].box[2] > 520  # in pixels of the full picture


def test_an_encoder_without_a_template_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    with pytest.raises(EncoderError, match="not learned on aligned faces"):
        FaceFraming.of(load_encoder(bundle))
    model = json.loads((bundle / "model.json").read_text())
    for wrong in ([1, 2], "five", [[1, 1]] * 5, [[float("nan"), 0]] * 5):
        (bundle / "model.json").write_text(json.dumps({**model, "template": wrong}))
        with pytest.raises(EncoderError, match="does not state its template"):
            FaceFraming.of(load_encoder(bundle))


def test_a_damaged_detector_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(DETECTOR, folder)
    content = bytearray((folder / "detector.onnx").read_bytes())
    content[100] ^= 1
    (folder / "detector.onnx").write_bytes(content)
    with pytest.raises(EncoderError, match="damaged"):
        load_detector(folder)
    (folder / "detector.json").write_text("[]")
    with pytest.raises(EncoderError, match="cannot be read"):
        load_detector(folder)
