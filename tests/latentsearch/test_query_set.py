"""`latentsearch query --set NAME=VALUE`, on discs whose labels are what is drawn."""

import json

import numpy as np
import pytest

from latentsearch.directions import LEAST_PICTURES, MISSING, fit_moves
from tests.benchmarks.drawn_celeba import make_drawn_celeba
from tests.latentsearch.collection import assert_fails, call
from tests.support import make_bundle

LEARNING = "learning once"


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def index(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    bundle = make_bundle(folder / "bundles", distance=request.param)
    faces = make_drawn_celeba(folder / "faces")
    indexed = call("index", faces, "--index", folder / "index", "--encoder", bundle)
    assert indexed.exit_code == 0, indexed.stderr
    return folder / "index"


def query(index, *arguments):
    result = call("query", *arguments, "--json", "--index", index)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def share(answer, **labels):
    hits = answer["results"]
    return sum(all(hit["labels"][name] == value for name, value in labels.items()) for hit in hits) / len(hits)


# Id 1 is picture 0, which has none of the three.
@pytest.mark.parametrize("label", ["Red_Background", "Large", "Dark"])
def test_results_have_the_label_that_is_set(index, label):
    before, _ = query(index, "--id", "1", "-k", "8")
    after, _ = query(index, "--id", "1", "--set", f"{label}=1", "-k", "8")
    assert share(before, **{label: 1}) <= 0.25
    assert share(after, **{label: 1}) >= 0.75
    assert after["set"] == [f"{label}=1"] and "set" not in before


def test_labels_can_be_taken_away_and_several_set(index):
    taken, _ = query(index, "--id", "8", "--set", "Red_Background=0", "-k", "8")
    assert share(taken, Red_Background=0) >= 0.75
    both, _ = query(index, "--id", "1", "--set", "Red_Background=1", "--set", "Dark=1", "-k", "4")
    assert share(both, Red_Background=1, Dark=1) >= 0.5


def test_directions_are_learned_once_and_made_again_where_they_are_gone_or_damaged(index):
    kept = index / "directions.npz"
    kept.unlink(missing_ok=True)
    first, told = query(index, "--id", "1", "--set", "Large=1")
    assert LEARNING in told and kept.is_file()
    again, told = query(index, "--id", "1", "--set", "Large=1")
    assert LEARNING not in told
    kept.write_bytes(kept.read_bytes()[:300])
    mended, told = query(index, "--id", "1", "--set", "Large=1")
    assert LEARNING in told
    assert first["results"] == again["results"] == mended["results"]
    assert not list(index.glob("*.unfinished"))


def test_directions_of_another_index_are_not_used(index, tmp_path):
    bundle = make_bundle(tmp_path / "bundles", latent_size=12)
    faces = make_drawn_celeba(tmp_path / "faces")
    assert call("index", faces, "--index", tmp_path / "index", "--encoder", bundle).exit_code == 0
    query(index, "--id", "1", "--set", "Large=1")
    (tmp_path / "index/directions.npz").write_bytes((index / "directions.npz").read_bytes())
    answer, told = query(tmp_path / "index", "--id", "1", "--set", "Large=1", "-k", "8")
    assert LEARNING in told and share(answer, Large=1) >= 0.75


def test_every_picture_of_a_folder_is_changed_and_filters_hold_too(index, tmp_path):
    from PIL import Image

    from tests.benchmarks.drawn_celeba import draw_face

    (tmp_path / "queries").mkdir()
    for number in (0, 2):
        picture: Image.Image = draw_face(number)
        picture.save(tmp_path / "queries" / f"{number}.png")
    options = ("--set", "Red_Background=1", "--where", "Dark=0", "-k", "6", "--json")
    result = call("query", "--batch", tmp_path / "queries", *options, "--index", index)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == 2
    for answer in answers:
        assert share(answer, Dark=0) == 1 and share(answer, Red_Background=1) >= 0.5
        assert answer["set"] == ["Red_Background=1"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Nose=1", "no label is called 'Nose'"),
        ("identity=1", "identity cannot be set"),
        ("Large", "sets no label"),
        ("Large=2", "sets no label"),
        ("=1", "sets no label"),
    ],
)
def test_what_cannot_be_set_is_one_sentence(index, text, sentence):
    query(index, "--id", "1", "--set", "Large=1")  # so that no other sentence comes before it
    result = call("query", "--id", "1", "--set", text, "--index", index)
    lines = [line for line in result.stderr.splitlines() if LEARNING not in line]
    assert result.exit_code == 2 and len(lines) == 1 and sentence in lines[0]
    assert result.stdout == ""


def test_an_index_without_labels_says_so(tmp_path):
    bundle = make_bundle(tmp_path / "bundles")
    faces = make_drawn_celeba(tmp_path / "faces") / "img_align_celeba"
    for path in faces.parent.glob("*.txt"):
        path.unlink()
    assert call("index", faces, "--index", tmp_path / "index", "--encoder", bundle).exit_code == 0
    result = call("query", "--id", "1", "--set", "Large=1", "--index", tmp_path / "index")
    assert_fails(result, 2, "no label is called 'Large'")


def test_labels_that_few_pictures_have_or_lack_get_no_move():
    random = np.random.default_rng(0)
    codes = random.normal(size=(60, 5)).astype(np.float32)
    values = np.zeros((60, 3), np.int8)
    values[: LEAST_PICTURES - 1, 0] = 1
    values[:30, 1] = 1
    values[:, 2] = MISSING
    rare, known, unknown = fit_moves(codes, values, "euclidean")
    assert rare is None and unknown is None and known is not None


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_codes_move_along_what_tells_a_label_and_not_along_another(distance):
    random = np.random.default_rng(1)
    values = random.integers(0, 2, (400, 2)).astype(np.int8)
    codes = random.normal(size=(400, 6)).astype(np.float32)
    codes[:, :2] += 3 * values
    if distance == "cosine":
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    first, second = fit_moves(codes, values, distance)
    for move, own, other in ((first, 0, 1), (second, 1, 0)):
        without, given = (way.vector for way in move)
        assert given[own] > 0 > without[own]
        assert abs(given[other]) < 0.3 * abs(given[own])
        assert move[1].share >= 0.85
