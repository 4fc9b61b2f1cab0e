"""`latentsearch query` among some pictures only: --where, --under, --max-distance, --min-similarity."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.latentsearch.collection import COUNT, Collection, assert_fails, call, make_collection


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["Smiling=1"], {2, 4, 6, 8, 10, 12}),
        (["Smiling=1", "Young=0"], {2, 6, 10}),
        (["identity>=3", "identity<5"], {5, 6, 7, 8}),
        (["name~00000[1-3].jpg"], {1, 2, 3}),
        (["id<=3", "Smiling!=1"], {1, 3}),
        (["width=178", "added>2020-01-01"], set(range(1, COUNT + 1))),
    ],
)
def test_all_that_match_come_back_nearest_first(
    collection: Collection, conditions: list[str], expected: set[int]
) -> None:
    options = [word for condition in conditions for word in ("--where", condition)]
    everything = collection.ids(collection.pictures[4])
    assert collection.ids(collection.pictures[4], *options) == [image for image in everything if image in expected]


def test_k_results_come_back_whenever_k_match(collection: Collection) -> None:
    for picture in collection.pictures:
        result = collection.query(picture, "--where", "Smiling=1", "--exclude-self", "-k", "5", "--paths")
        assert (result.exit_code, result.stderr, len(result.stdout.splitlines())) == (0, "", 5)


def test_fewer_matches_than_k_are_told(collection: Collection) -> None:
    result = collection.query(collection.pictures[0], "--where", "identity=2")
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr == "latentsearch: 2 of 20 pictures returned: 2 in the index match\n"


def test_no_match_is_an_empty_answer(collection: Collection) -> None:
    answer = collection.json(collection.pictures[0], "--where", "identity=99")
    assert (answer["results"], answer["matching"]) == ([], 0)
    result = collection.query(collection.pictures[0], "--where", "identity=99", "--csv")
    assert (result.exit_code, result.stdout) == (0, "rank,id,path,distance,similarity\n")
    assert result.stderr == "latentsearch: 0 of 20 pictures returned: 0 in the index match\n"


def test_json_tells_how_many_match_and_how_long_that_took(collection: Collection) -> None:
    answer = collection.json(collection.pictures[0], "-k", "2", "--where", "Smiling=1")
    assert answer["matching"] == 6
    assert list(answer["took_ms"]) == ["load", "encode", "filter", "search"]
    assert answer["took_ms"]["filter"] > 0


def test_under_keeps_to_folders(tmp_path: Path) -> None:
    collection = make_collection(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(collection.pictures[0], tmp_path / folder / "copy.jpg")
        assert call("index", tmp_path / folder, "--index", collection.index).exit_code == 0
    a, b = ([str(tmp_path / folder / "copy.jpg")] for folder in "ab")

    def paths(*options: str | Path) -> list[str]:
        return collection.query(collection.pictures[0], "--paths", *options).stdout.splitlines()

    assert paths("--under", tmp_path / "a") == a
    assert paths("--under", tmp_path / "a", "--under", f"{tmp_path}/b/") == a + b
    assert paths("--under", tmp_path / "a", "--where", "Smiling=1") == []
    assert paths("--under", tmp_path / "faces", "-k", "1") == [str(collection.pictures[0])]
    assert paths("--under", tmp_path / "nowhere") == []


def test_what_is_too_far_away_is_left_out(collection: Collection) -> None:
    hits = collection.json(collection.pictures[0])["results"]
    middle = (hits[4]["distance"] + hits[5]["distance"]) / 2
    result = collection.query(collection.pictures[0], "--max-distance", str(middle), "--paths")
    assert result.stdout.splitlines() == [hit["path"] for hit in hits[:5]]
    assert result.stderr == "latentsearch: 5 of 20 pictures returned: no others are near enough\n"
    assert collection.query(collection.pictures[0], "--max-distance", str(middle), "-k", "5").stderr == ""


def test_what_is_not_similar_enough_is_left_out(collection: Collection) -> None:
    hits = collection.json(collection.pictures[0])["results"]
    middle = (hits[2]["similarity"] + hits[3]["similarity"]) / 2
    similar = collection.json(collection.pictures[0], "--min-similarity", str(middle))["results"]
    assert similar == hits[:3]
    result = collection.query(collection.pictures[0], "--min-similarity", str(middle), "--where", "Smiling=1")
    assert result.stderr.endswith("no others are near enough, of 6 in the index that match\n")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (
            ["--where", "Smilling=1"],
            ["no label or file fact is called 'Smilling': is it Smiling?", "latentsearch labels"],
        ),
        (["--where", "Smiling"], ["'Smiling' is no condition", "Eyeglasses=1"]),
        (["--where", "added>soon"], ["compared with a date"]),
        (["--min-similarity", "2"], ["from 0 to 1"]),
        (["--max-distance", "-1"], ["must be 0 or more"]),
        (["--max-distance", "far"], ["--max-distance"]),
    ],
)
def test_what_cannot_be_asked_is_told(collection: Collection, options: list[str], parts: list[str]) -> None:
    assert_fails(collection.query(collection.pictures[0], *options), 2, *parts)


def test_a_damaged_base_is_told_of_and_the_answer_is_the_same(tmp_path: Path) -> None:
    collection = make_collection(tmp_path)
    before = collection.ids(collection.pictures[0])
    base = collection.index / "vectors.faiss"
    base.write_bytes(base.read_bytes()[:-5])
    result = collection.query(collection.pictures[0], "--json")
    assert [hit["id"] for hit in json.loads(result.stdout)["results"]] == before
    assert result.stderr.startswith(f"latentsearch: {base} ") and result.stderr.count("\n") <= 2
    assert "`latentsearch check` makes it anew" in result.stderr
    assert "rebuilt: vectors.faiss, which was damaged" in call("check", "--index", collection.index).stdout
    assert "damaged" not in collection.query(collection.pictures[0]).stderr
