"""`latentsearch query --set NAME=VALUE`, on discs whose labels are what is drawn."""

import json
from pathlib import Path

import numpy as np
import pytest

from latentsearch.attributes.directions import MISSING, fit_directions
from latentsearch.attributes.ranking import LEAST_PICTURES, Setting, distances_between, fit_ranking, settable
from tests.benchmarks.drawn_celeba import make_drawn_celeba
from tests.latentsearch.collection import assert_fails, call
from tests.support import make_bundle, make_folder

LEARNING = "learning the label directions"


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


def relabelled(faces, column):
    """Change the label of this number in CelebA's own file to its opposite, in every picture."""
    file = faces / "list_attr_celeba.txt"
    head, rows = file.read_text().splitlines()[:2], [line.split() for line in file.read_text().splitlines()[2:]]
    for row in rows:
        row[1 + column] = str(-int(row[1 + column]))
    file.write_text("\n".join(head + [" ".join(row) for row in rows]) + "\n")


def test_directions_are_learned_anew_when_labels_change_though_their_names_do_not(tmp_path):
    bundle, faces = make_bundle(tmp_path / "bundles"), make_drawn_celeba(tmp_path / "faces")
    made = ("index", faces, "--index", tmp_path / "index", "--encoder", bundle)
    assert call(*made).exit_code == 0
    query(tmp_path / "index", "--id", "1", "--set", "Large=1")
    assert call(*made).exit_code == 0  # nothing has changed
    assert LEARNING not in query(tmp_path / "index", "--id", "1", "--set", "Large=1")[1]
    relabelled(faces, 1)
    assert call(*made).exit_code == 0
    answer, told = query(tmp_path / "index", "--id", "2", "--set", "Large=0", "-k", "8")
    assert LEARNING in told and share(answer, Large=0) >= 0.75
    assert LEARNING not in query(tmp_path / "index", "--id", "1", "--set", "Large=1")[1]


def test_distances_are_from_the_query_as_it_is_and_bounds_hold_for_them(index):
    plain, _ = query(index, "--id", "1", "-k", "96")
    distances = {hit["id"]: hit["distance"] for hit in plain["results"]}
    after, _ = query(index, "--id", "1", "--set", "Large=1", "-k", "96")
    assert {hit["id"]: hit["distance"] for hit in after["results"]} == distances
    limit = sorted(distances.values())[47] + 1e-4  # what is printed is rounded
    near, _ = query(index, "--id", "1", "--set", "Large=1", "-k", "96", "--max-distance", limit)
    expected = [hit["id"] for hit in after["results"] if hit["distance"] <= limit]
    assert [hit["id"] for hit in near["results"]] == expected and 48 <= len(expected) < 96


def test_other_options_hold_too(index):
    setting = ("--id", "1", "--set", "Large=1", "-k", "8")
    alone, _ = query(index, *setting)
    first = alone["results"][0]
    diverse, _ = query(index, *setting, "--diverse", "0.9")
    assert len(diverse["results"]) == 8 and share(diverse, Large=1) >= 0.6
    dark, _ = query(index, *setting, "--where", "Dark=1", "--where", "Large=1", "--exclude-self")
    assert len(dark["results"]) == 8 and share(dark, Dark=1, Large=1) == 1
    every, _ = query(index, "--id", str(first["id"]), "--set", "Large=1", "-k", "96")
    without, _ = query(index, "--id", str(first["id"]), "--set", "Large=1", "-k", "96", "--exclude-self")
    content = Path(first["path"]).read_bytes()
    expected = [hit["id"] for hit in every["results"] if Path(hit["path"]).read_bytes() != content]
    assert [hit["id"] for hit in without["results"]] == expected and len(expected) < 96


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
        ("Large", "does not set a label"),
        ("Large=2", "does not set a label"),
        ("=1", "does not set a label"),
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


def test_a_few_pictures_with_other_labels_say_so(tmp_path):
    make_folder(tmp_path / "pictures", 1)
    (tmp_path / "ages.csv").write_text("file,age\n000001.jpg,31\n")
    made = ("--index", tmp_path / "index", "--encoder", make_bundle(tmp_path / "bundles"))
    assert call("index", tmp_path / "pictures", *made, "--labels", tmp_path / "ages.csv").exit_code == 0
    result = call("query", "--id", "1", "--set", "age=1", "--index", tmp_path / "index")
    told = [line for line in result.stderr.splitlines() if LEARNING not in line]
    assert result.exit_code == 2 and len(told) == 1 and "age cannot be set" in told[0]


def test_labels_that_few_pictures_have_or_lack_cannot_be_set():
    values = np.zeros((60, 4), np.int8)
    values[: LEAST_PICTURES - 1, 0] = 1
    values[:30, 1] = 1
    values[:, 2] = MISSING
    values[:30, 3] = MISSING
    values[30:45, 3] = 1
    assert settable(values).tolist() == [False, True, False, True]


def told_by_two(distance):
    """400 codes of 6 numbers of which the first two tell a label each, and the labels."""
    random = np.random.default_rng(1)
    values = random.integers(0, 2, (400, 2)).astype(np.int8)
    codes = random.normal(size=(400, 6)).astype(np.float32)
    codes[:, :2] += 3 * values
    if distance == "cosine":
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    return codes, values


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_probabilities_tell_labels_and_are_not_misled_by_missing_ones(distance):
    codes, values = told_by_two(distance)
    told = fit_directions(codes, values).probabilities(codes)
    assert np.mean((told > 0.5) == values) >= 0.85
    # Of those of which it is so sure, so many have it.
    sure = told > 0.8
    assert abs(values[sure].mean() - told[sure].mean()) < 0.06
    gappy = values.copy()
    gappy[::2, 0] = MISSING
    assert np.mean((fit_directions(codes, gappy).probabilities(codes)[:, 0] > 0.5) == values[:, 0]) >= 0.85


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_a_label_is_set_and_the_other_kept(distance):
    codes, values = told_by_two(distance)
    ranking, weights = fit_ranking(codes, values, distance)
    queries = np.flatnonzero((values[:, 0] == 0) & (values[:, 1] == 1))[:20]
    slopes = ranking.slopes(codes[queries], [Setting(0, 1, float(weights[0, 1]))])
    own = distances_between(codes[queries], codes, distance)
    edited = ranking.distances(own, slopes, codes)
    plain, found = (np.argsort(distances, axis=1)[:, 1:11] for distances in (own, edited))
    assert values[plain, 0].mean() < 0.4 and values[found, 0].mean() >= 0.8
    assert values[found, 1].mean() >= values[plain, 1].mean() - 0.05
