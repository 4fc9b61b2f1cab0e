"""`latentsearch query --batch`: every picture of a folder, in one run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.encoders.encoder import Encoder
from indexer.errors import EncoderError
from latentsearch.search import folder as batches
from tests.latentsearch.collection import COUNT, Collection, assert_fails, make_collection


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture
def folder(collection: Collection) -> Path:
    return collection.pictures[0].parent


@pytest.fixture
def spoilt(collection: Collection, tmp_path: Path) -> Path:
    """Three pictures of the index, and between them three that cannot be read."""
    for name, source in (("a.jpg", 0), ("c.jpg", 2), ("e.jpg", 4)):
        (tmp_path / name).write_bytes(collection.pictures[source].read_bytes())
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "d.png").write_bytes(b"")
    (tmp_path / "f.jpg").symlink_to(tmp_path / "gone.jpg")
    return tmp_path


def lines_of(collection: Collection, *arguments: str | Path) -> list[dict[str, Any]]:
    result = collection.query(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    "options", [[], ["--exclude-self"], ["--where", "Smiling=1", "--diverse"], ["--minus", "FIRST"]]
)
def test_each_picture_is_answered_as_if_it_was_asked_alone(
    collection: Collection, folder: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 5)
    options = [str(collection.pictures[0]) if option == "FIRST" else option for option in options]
    answers = lines_of(collection, "--batch", folder, "-k", "4", *options)
    assert [answer["query"] for answer in answers] == list(map(str, collection.pictures))
    for answer, picture in zip(answers, collection.pictures, strict=True):
        if "--minus" in options and picture == collection.pictures[0]:
            assert "cancel one another out" in answer["error"]
            continue
        alone = collection.json(picture, "-k", "4", *options)
        assert list(alone) == list(answer) and list(alone["took_ms"]) == list(answer["took_ms"])
        assert [hit["id"] for hit in answer["results"]] == [hit["id"] for hit in alone["results"]]
        assert [hit["labels"] for hit in answer["results"]] == [hit["labels"] for hit in alone["results"]]


def test_a_picture_that_cannot_be_read_never_stops_the_run(collection: Collection, spoilt: Path) -> None:
    answers = lines_of(collection, "--batch", spoilt, "-k", "2")
    assert [Path(answer["query"]).name for answer in answers] == ["a.jpg", "b.jpg", "c.jpg", "d.png", "e.jpg", "f.jpg"]
    assert ["error" in answer for answer in answers] == [False, True] * 3
    assert answers[5]["error"] == "a dead link"
    assert [answer["results"][0]["id"] for answer in answers[::2]] == [1, 3, 5]


def test_a_picture_without_a_code_is_answered_with_that(
    collection: Collection, spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder.encode

    def refuse_dark(encoder: Encoder, images: Any) -> Any:
        if (images.reshape(len(images), -1).max(axis=1) == 0).any():
            raise EncoderError("not finite")
        return encode(encoder, images)

    monkeypatch.setattr(Encoder, "encode", refuse_dark)
    Image.new("RGB", (60, 60)).save(spoilt / "b.jpg")
    answers = {Path(answer["query"]).name: answer for answer in lines_of(collection, "--batch", spoilt)}
    assert "no finite code" in answers["b.jpg"]["error"]
    assert all(answers[name]["results"] for name in ("a.jpg", "c.jpg", "e.jpg"))


def test_in_other_forms_what_cannot_be_read_is_told_beside(collection: Collection, spoilt: Path) -> None:
    result = collection.query("--batch", spoilt, "-k", "2", "--paths")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 6)
    assert f"latentsearch: {spoilt / 'f.jpg'}: a dead link\n" in result.stderr
    assert result.stderr.endswith("latentsearch: 3 of 6 pictures could not be read\n")


def test_rows_and_lines_begin_with_the_query(collection: Collection, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(collection.query("--batch", folder, "-k", "2", "--csv").stdout)))
    assert [row["query"] for row in rows[::2]] == list(map(str, collection.pictures))
    assert [(row["id"], row["identity"]) for row in rows[2:5:2]] == [("2", "1"), ("3", "2")]
    lines = [line.split("\t") for line in collection.query("--batch", folder, "-k", "2").stdout.splitlines()]
    assert [(line[0], line[2]) for line in lines] == [(row["query"], row["id"]) for row in rows]


def test_tables_stand_below_their_query(collection: Collection, folder: Path) -> None:
    lines = collection.query("--batch", folder, "-k", "2", "--table").stdout.splitlines()
    assert lines[::4] == list(map(str, collection.pictures))
    assert lines[1].split()[0] == "rank"


def test_a_sheet_has_a_row_for_each_query(
    collection: Collection, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentsearch.cli.query_answers.ROWS_OF_SHEET", 5)
    target = tmp_path / "sheet.png"
    result = collection.query("--batch", folder, "-k", "2", "--paths", "--sheet", target)
    assert result.stderr == f"latentsearch: the sheet shows the first 5 of {COUNT}\n"
    with Image.open(target) as sheet:
        assert sheet.size == (3 * 168 + 8, 5 * 190 + 8)


def test_too_few_results_are_told_once(collection: Collection, folder: Path) -> None:
    result = collection.query("--batch", folder, "--paths", "--where", "Smiling=1", "-k", "7")
    assert (
        result.stderr == f"latentsearch: fewer than 7 pictures returned for {COUNT} of {COUNT}: 6 in the index match\n"
    )
    assert len(result.stdout.splitlines()) == 6 * COUNT


def test_what_cannot_be_asked_is_told(collection: Collection, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_fails(collection.query("--batch", tmp_path / "none"), 2, "none")
    assert_fails(collection.query("--batch", tmp_path / "empty"), 2, "no pictures in")
    assert_fails(collection.query("--batch", folder, "-k", "0"), 2, "k is 0")
    assert_fails(collection.query("--batch", folder, "--where", "nothing=1"), 2, "nothing")
    assert_fails(collection.query("--batch", folder, "--minus", "none.jpg"), 2, "none.jpg")
