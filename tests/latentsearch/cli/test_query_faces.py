"""`latentsearch query` in an index with faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import latentsearch as ls
from tests.faces_in_photographs import PLACES, photograph, places_of
from tests.latentsearch.collection import assert_fails, call
from tests.support import make_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of three photographs: 0 with faces 0 to 2, 1 with face 3, 2 with none."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "photos").mkdir()
    for number, faces in enumerate(([0, 1, 2], [3], [])):
        photograph(faces, seed=number).save(folder / "photos" / f"{number}.png")
    (folder / "labels.csv").write_text("name,good\n0.png,0\n1.png,1\n2.png,1\n")
    make_bundle(folder)
    make_bundle(folder, "aligned", seed=1, latent_size=24, aligned=True)
    options = ("--encoder", folder / "tiny", "--face-encoder", folder / "aligned", "--labels", folder / "labels.csv")
    indexed = call("index", folder / "photos", "--index", folder / "index", *options)
    assert indexed.exit_code == 0, indexed.stderr
    return folder


def query(made: Path, *options: str | Path) -> dict[str, Any]:
    found = call("query", *options, "--json", "--index", made / "index")
    assert found.exit_code == 0, found.stderr
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


def test_the_face_comes_first_wherever_it_is(made: Path, tmp_path: Path) -> None:
    """Each face is found by another photograph of it: larger, turned, elsewhere, on another scene."""
    for face, place in enumerate(PLACES):
        other = photograph([face], [(100, 60, 260)], (500, 400), seed=7).rotate(10, Image.Resampling.BICUBIC)
        other.save(tmp_path / "other.png")
        answer = query(made, tmp_path / "other.png", "-k", "4")
        first = answer["results"][0]
        assert (Path(first["path"]).name, list(places_of([first["face"]["box"]], [place]))) == ("0.png", [0])
        assert [hit["rank"] for hit in answer["results"]] == [1, 2, 3, 4]
        assert len({hit["face"]["id"] for hit in answer["results"]}) == 4
        assert answer["faces"][0]["of"] == 1 and answer["encoder"] == "aligned"


def test_of_several_faces_the_largest_is_taken_and_said(made: Path) -> None:
    picture = made / "photos" / "0.png"
    found = call("query", picture, "-k", "1", "--index", made / "index")
    assert f"{picture} has 3 faces: searched for the largest, from (" in found.stderr
    assert list(places_of([list(map(int, found.stdout.split("\t")[-1].split(",")))], PLACES)) == [1]
    second = query(made, picture, "--face", "2", "-k", "1")
    assert list(places_of([second["results"][0]["face"]["box"]], PLACES)) == [0]
    assert second["results"][0]["distance"] == pytest.approx(0, abs=1e-5)
    assert query(made, "--id", "1", "--face", "2", "-k", "1")["results"] == second["results"]


def test_a_picture_without_a_face_searches_whole_pictures(made: Path) -> None:
    picture = made / "photos" / "2.png"
    found = call("query", picture, "-k", "3", "--json", "--index", made / "index")
    answer = json.loads(found.stdout)
    assert f"no face found in {picture}: searched whole pictures" in found.stderr
    assert (answer["results"][0]["id"], answer["encoder"]) == (3, "tiny")
    assert answer["faceless"] == str(picture)
    assert not any("face" in hit for hit in answer["results"])
    whole = query(made, made / "photos" / "0.png", "--whole")
    assert whole["results"][0]["id"] == 1 and "faces" not in whole and "faceless" not in whole


def test_conditions_and_exclusion_are_about_photographs(made: Path) -> None:
    picture = made / "photos" / "0.png"
    assert [hit["id"] for hit in query(made, picture, "--where", "good=1")["results"]] == [2]
    assert [hit["id"] for hit in query(made, picture, "--exclude-self")["results"]] == [2]
    assert query(made, picture)["results"][0]["labels"] == {"good": 0}


def test_sorted_faces_keep_their_ranks(made: Path) -> None:
    """Photograph 1's face is the nearest, but photograph 0's three faces come first by name."""
    picture = made / "photos" / "1.png"
    named = query(made, picture, "--sort", "name")["results"]
    assert [Path(hit["path"]).name for hit in named] == ["0.png"] * 3 + ["1.png"]
    assert [hit["rank"] for hit in named] == [2, 3, 4, 1]
    assert sorted(named, key=lambda hit: hit["rank"]) == query(made, picture)["results"]
    assert query(made, picture, "--sort", "taken")["results"] == query(made, picture)["results"]


def test_weights_count_for_faces(made: Path) -> None:
    one, other = made / "photos" / "1.png", made / "photos" / "0.png"
    even, much = query(made, one, other), query(made, f"9:{one}", other)
    away = {answer: next(hit["distance"] for hit in found["results"] if hit["id"] == 2)
            for answer, found in (("even", even), ("much", much))}  # fmt: skip
    assert away["much"] < away["even"]
    half, whole = (query(made, one, "--minus", minus)["results"][0] for minus in (f"0.5:{other}", other))
    assert half["distance"] < whole["distance"]


def test_the_cutoff_is_that_of_faces(made: Path) -> None:
    found = query(made, made / "photos" / "1.png", "--within", "1/2")
    faces = ls.open(made / "index").search(str(made / "photos" / "1.png"), within="1/2")
    assert found["cutoff"] == pytest.approx(faces.cutoff, abs=1e-4)
    assert all(hit["distance"] <= found["cutoff"] + 1e-6 for hit in found["results"])


def test_a_part_is_refused_in_a_search_of_faces(made: Path) -> None:
    words = ("query", made / "photos" / "1.png", "--crop", "0,0,0.5,0.5", "--index", made / "index")
    assert_fails(call(*words), 2, "--whole")
    assert call(*words, "--whole").exit_code == 0


def test_every_form_shows_the_box(made: Path) -> None:
    picture = made / "photos" / "1.png"
    box = ",".join(map(str, query(made, picture, "-k", "1")["results"][0]["face"]["box"]))
    for form in ("--csv", "--table"):
        found = call("query", picture, "-k", "1", form, "--index", made / "index")
        assert found.exit_code == 0 and box in found.stdout, (form, found.output)


def test_python_returns_boxes(made: Path) -> None:
    with ls.open(made / "index") as pictures:
        found = pictures.search(made / "photos" / "0.png", k=2, face=2)
        assert found[0].face is not None and list(places_of([found[0].face.box], PLACES)) == [0]
        assert found.to_dicts()[0]["face"]["box"] == found[0].face.box
        assert (found.faces[0].number, found.faces[0].total) == (2, 3)
        assert pictures.search(made / "photos" / "0.png", k=2, whole=True)[0].face is None


def test_what_cannot_be_searched_is_one_sentence(made: Path, tmp_path: Path) -> None:
    place = ("--index", made / "index")
    assert_fails(
        call("query", made / "photos" / "1.png", "--face", "2", *place), 2, "has no face 2: one face was found"
    )
    assert_fails(call("query", made / "photos" / "2.png", "--face", "1", *place), 2, "no face was found")
    assert_fails(call("query", made / "photos" / "1.png", "--set", "good=1", *place), 2, "--whole")
    call("index", made / "photos", "--index", tmp_path / "without", "--encoder", made / "tiny")
    refused = call("query", made / "photos" / "1.png", "--face", "1", "--index", tmp_path / "without")
    assert_fails(refused, 2, "has no faces", "--faces")
