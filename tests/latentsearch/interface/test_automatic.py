"""A new index chooses its encoder by its pictures."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

import latentsearch as ls
from latentsearch.interface.automatic import FEWEST, LARGEST, LEAST_SHARE, Looked, choose_encoder
from tests.latentsearch.collection import call
from tests.support import make_bundle

FACES, OTHERS = 60, 60


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("automatic") / "faces"
    assert call("sample", "-o", folder, "--count", FACES, "--seed", 4).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Coloured shapes, which are no faces."""
    folder = tmp_path_factory.mktemp("automatic") / "others"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(OTHERS):
        picture = Image.new("RGB", (96, 72), tuple(rng.integers(0, 256, 3).tolist()))
        draw = ImageDraw.Draw(picture)
        for _ in range(rng.integers(1, 7)):
            box = [*(first := rng.integers(0, 60, 2)), *(first + rng.integers(8, 60, 2))]
            shape = (draw.rectangle, draw.ellipse, draw.line)[rng.integers(3)]
            shape([int(edge) for edge in box], fill=tuple(rng.integers(0, 256, 3).tolist()))
        picture.save(folder / f"{number:03d}.png")
    return folder


def together(folder, *folders):
    for each in folders:
        shutil.copytree(each, folder / each.name)
    return folder


def index(folder, *options):
    """Index a folder; return the encoder of the index and the lines on stderr."""
    made = call("index", folder, "--index", folder.parent / "index", *options)
    assert made.exit_code == 0, made.stderr
    with ls.open(folder.parent / "index") as opened:
        return opened.encoder, made.stderr.splitlines()


def test_aligned_faces_get_the_encoder_of_faces_and_one_line_says_so(faces, tmp_path):
    chosen, (line,) = index(together(tmp_path / "pictures", faces))
    assert chosen == "parts"
    assert line.startswith("latentsearch: encoder parts, for aligned faces: ")
    assert line.endswith("pictures looked at are aligned faces; --encoder photos takes the other one")


@pytest.mark.parametrize("with_faces", [False, True])
def test_anything_else_and_a_mixture_get_photos(faces, others, tmp_path, with_faces):
    chosen, (line,) = index(together(tmp_path / "pictures", others, *([faces] if with_faces else [])))
    assert chosen == "photos" and line.startswith("latentsearch: encoder photos, for pictures of any kind: ")
    assert line.endswith("--encoder parts takes the other one")


def test_every_picture_of_a_mixture_is_found_by_its_like(faces, others, tmp_path):
    folder = together(tmp_path / "pictures", faces, others)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    assert index(folder)[0] == "photos"
    for file in (*sorted(faces.iterdir())[:5], *sorted(others.iterdir())[:5]):
        altered = tmp_path / "altered.jpg"
        with Image.open(file) as opened:
            opened.resize((opened.width * 3 // 2, opened.height * 3 // 2)).save(altered, quality=90)
        found = json.loads(call("query", altered, "--index", tmp_path / "index", "--json").stdout)["results"]
        assert any(hit["path"].endswith(f"{file.parent.name}/{file.name}") for hit in found[:3])


def test_auto_can_be_said_and_a_named_encoder_is_taken_without_a_word(others, tmp_path):
    folder = together(tmp_path / "pictures", others)
    bundle = make_bundle(tmp_path / "bundles")
    assert index(folder, "--encoder", bundle)[1] == []
    for options in ((), ("--encoder", "auto")):
        chosen, said = index(folder, *options)
        assert chosen == ls.open(tmp_path / "index").encoder and said == []
    shutil.rmtree(tmp_path / "index")
    assert index(folder, "--encoder", "auto")[0] == "photos"


def test_a_new_index_of_an_older_ones_pictures_chooses_too(faces, tmp_path):
    folder = together(tmp_path / "pictures", faces)
    index(folder, "--encoder", make_bundle(tmp_path / "bundles"))
    made = call("index", "--from", tmp_path / "index", "--index", tmp_path / "new")
    assert made.exit_code == 0 and "encoder parts, for aligned faces" in made.stderr
    assert ls.open(tmp_path / "new").encoder == "parts"


def test_files_without_a_suffix_are_looked_at_and_large_ones_are_not_decoded(faces, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, file in enumerate(sorted(faces.iterdir())[:12]):
        shutil.copy(file, folder / f"face-{number}")
    assert index(folder)[0] == "parts"
    shutil.rmtree(tmp_path / "index")
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes() + bytes(LARGEST))
    chosen, (line,) = index(folder)
    assert chosen == "photos" and "0 of 12 pictures" in line


def test_a_folder_whose_files_cannot_be_decoded_is_indexed_as_before(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    chosen, said = index(folder)
    assert chosen == "photos" and "0 of 0 pictures" in said[0]


def test_the_share_decides():
    assert choose_encoder(Looked(100, round(100 * LEAST_SHARE))) == "parts"
    assert choose_encoder(Looked(100, round(100 * LEAST_SHARE) - 1)) == "photos"
    assert choose_encoder(Looked(0, 0)) == "photos" and choose_encoder(Looked(1, 1)) == "parts"
    assert FEWEST < 200
