"""Facts that pictures state about themselves: indexed, filtered by, sorted by, listed, exported and read once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import latentsearch as ls
from tests.latentsearch.collection import assert_fails, call
from tests.photographs import VIENNA, exif_of, photograph, xmp_of
from tests.support import make_bundle

BRATISLAVA, SYDNEY, FIJI = (48.1486, 17.1077), (-33.8568, 151.2153), (-17.7134, 178.065)
PICTURES: dict[str, dict[str, Any]] = {
    "b.jpg": {"exif": exif_of("2024:05:01 00:30:00", "+09:00", make="Apple", model="iPhone 6", place=VIENNA)},
    "A.jpg": {"exif": exif_of("2023:12:31 23:59:59", make="Canon", model="Canon EOS 40D", lens="EF 50mm f/1.8",
                              place=BRATISLAVA, orientation=6)},
    "c.jpg": {"xmp": xmp_of(exif__DateTimeOriginal="2024-06-15T12:00:00.5-07:00")},
    "d.jpg": {},
    "e.png": {"exif": exif_of("2024:04:30 23:00:00", model="X100", place=SYDNEY)},
    "f.jpg": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\xff\xff broken"},
    "g.jpg": {"exif": exif_of("0000:00:00 00:00:00", place=FIJI)},
}  # fmt: skip


@dataclass(frozen=True)
class Album:
    """An index of PICTURES, whose ids are the numbers of their names in the alphabet."""

    index: Path
    bundle: Path
    folder: Path

    def search(self, *arguments: str | Path) -> dict[str, Any]:
        done = call("query", self.folder / "b.jpg", "--json", "--index", self.index, *arguments)
        assert done.exit_code == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def found(self, *conditions: str) -> str:
        """The letters of the pictures that satisfy conditions, in alphabetical order."""
        where = [word for condition in conditions for word in ("--where", condition)]
        return "".join(sorted(Path(hit["path"]).stem.lower() for hit in self.search(*where)["results"]))

    def facts(self) -> dict[str, dict[str, Any]]:
        return {Path(hit["path"]).stem.lower(): hit["facts"] for hit in self.search()["results"]}


def make_album(folder: Path) -> Album:
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for seed, (name, saved) in enumerate(PICTURES.items()):
        file_format = "PNG" if name.endswith("png") else "JPEG"
        size = (64, 48) if seed % 2 else (48, 64)
        (pictures / name).write_bytes(photograph(seed, file_format, size, **saved))
    album = Album(folder / "index", make_bundle(folder / "bundles"), pictures)
    summary = indexed(album)
    assert (summary["encoded"], summary["failed"], summary["facts_read"]) == (len(PICTURES), 0, 0)
    return album


def indexed(album: Album, *arguments: str | Path) -> dict[str, Any]:
    done = call("index", album.folder, "--index", album.index, "--encoder", album.bundle, "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return make_album(tmp_path_factory.mktemp("album"))


@pytest.fixture
def own(album: Album, tmp_path: Path) -> Album:
    """An album that the test may change."""
    shutil.copytree(album.index, tmp_path / "index")
    return Album(tmp_path / "index", album.bundle, album.folder)


def test_results_have_the_facts(album: Album) -> None:
    facts = album.facts()
    assert facts["b"] == {
        "taken": "2024-05-01T00:30:00+09:00", "camera": "Apple iPhone 6", "latitude": pytest.approx(VIENNA[0]),
        "longitude": pytest.approx(VIENNA[1]), "megapixels": 0.0,
    }  # fmt: skip
    assert facts["a"]["lens"] == "EF 50mm f/1.8" and facts["a"]["orientation"] == 6
    assert facts["c"] == {"taken": "2024-06-15T12:00:00.500-07:00", "megapixels": 0.0}
    assert facts["d"] == facts["f"] == {"megapixels": 0.0}
    assert "taken" not in facts["g"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("taken>=2024-05", "bc"),
        ("taken=2024-05-01", "b"),
        ("taken=2024", "bce"),
        ("taken!=2024", "a"),
        ("taken<2024", "a"),
        ("taken<=2024-04-30", "ae"),
        ("taken>2024-05-01", "c"),
        ("taken=2024-06-15 12:00", "c"),
        ("taken=2024-06-15T12:00:00", "c"),
        ("taken<2024-06-15 12:00:00", "abe"),
        ("camera~*iPhone*", "b"),
        ("camera=Canon EOS 40D", "a"),
        ("camera!=Canon EOS 40D", "be"),
        ("camera!~Canon*", "be"),
        ('camera="X100"', "e"),
        ("lens~EF*", "a"),
        ("latitude<0", "eg"),
        ("longitude>=178", "g"),
        ("near=48.2,16.3,10km", "b"),
        ("near=48.2,16.3,70km", "ab"),
        ("near = 48.2085, 16.3721, 20 m", "b"),
        ("near=48.2,16.3,40mi", "ab"),
        ("near!=48.2,16.3,70km", "eg"),
        ("near=-17.7,-179,400km", "g"),
        ("near=-90,0,6300km", "e"),
        ("orientation=6", "a"),
        ("shape=portrait", "abceg"),
        ("megapixels<0.01", "abcdefg"),
        ("megapixels>=0.01", ""),
        ("file:camera=X100", "e"),
    ],
)
def test_conditions_on_facts(album: Album, condition: str, expected: str) -> None:
    assert album.found(condition) == expected


def test_conditions_go_together(album: Album) -> None:
    assert album.found("taken>=2023", "near=48.2,16.3,70km", "width>10") == "ab"
    assert album.found("taken>=2024", "camera~*", "shape=portrait") == "be"
    assert album.found("taken>=2024", "shape=landscape") == ""


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("taken=yesterday", "taken is compared with a date, such as 2026-01-31, 2026-01 or"),
        ("taken~2024*", "~ is for text, and taken is none"),
        ("near=48.2,16.3", "write near=LATITUDE,LONGITUDE,RADIUS"),
        ("near>48.2,16.3,5km", "write near=LATITUDE,LONGITUDE,RADIUS"),
        ("latitude=north", "latitude is a number, and 'north' is none"),
        ("orientation=portrait", "write shape=portrait"),
        ("shape=round", "shape is compared by = or != with landscape, portrait, square"),
        ("shape>portrait", "shape is compared by = or !="),
        ("cammera=X100", "is it camera?"),
        ("label:camera=X100", "no label is called 'camera'"),
    ],
)
def test_what_does_not_fit_is_told(album: Album, condition: str, sentence: str) -> None:
    assert_fails(call("query", "--id", "1", "--index", album.index, "--where", condition), 2, sentence)


def test_a_label_of_the_same_name_comes_first(own: Album, tmp_path: Path) -> None:
    """Commands that name a label keep their meaning; file:camera is the fact."""
    labels = tmp_path / "labels.csv"
    labels.write_text("file,camera,taken\nd.jpg,X100,2024\nb.jpg,other,x\n", encoding="utf-8")
    indexed(own, "--labels", labels)
    assert (own.found("camera=X100"), own.found("label:camera=X100"), own.found("file:camera=X100")) == ("d", "d", "e")
    assert (own.found("taken=2024"), own.found("file:taken=2024")) == ("d", "bce")
    names = [label["name"] for label in json.loads(call("labels", "--json", "--index", own.index).stdout)]
    assert names[:3] == ["camera", "taken", "file:taken"] and "file:camera" in names
    with ls.open(own.index) as pictures:
        hit = next(iter(pictures.search(2, k=1)))
        assert (hit.labels["camera"], hit.facts["camera"]) == ("other", "Apple iPhone 6")


def test_a_frame_has_a_column_a_fact(own: Album, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    labels = tmp_path / "labels.csv"
    labels.write_text("file,camera\nb.jpg,other\n", encoding="utf-8")
    indexed(own, "--labels", labels)
    with ls.open(own.index) as pictures:
        row = pictures.search(2, k=1).to_frame().iloc[0]
    assert (row["camera"], row["file:camera"], row["taken"][:4]) == ("other", "Apple iPhone 6", "2024")


# Sorting


def letters(answer: dict[str, Any]) -> str:
    return "".join(Path(hit["path"]).stem.lower() for hit in answer["results"])


def test_results_sorted_by_time_and_name(album: Album) -> None:
    ranked = album.search()
    by_time, by_name = album.search("--sort", "taken"), album.search("--sort", "name")
    undated = [letter for letter in letters(ranked) if letter in "dfg"]
    assert letters(by_time) == "aebc" + "".join(undated)
    assert letters(by_name) == "abcdefg"
    for answer, name in ((by_time, "taken"), (by_name, "name")):
        assert answer["sort"] == name
        assert sorted(answer["results"], key=lambda hit: int(hit["rank"])) == ranked["results"]
    assert "sort" not in ranked and album.search("--sort", "similarity")["results"] == ranked["results"]


def test_the_nearest_are_chosen_before_they_are_sorted(album: Album) -> None:
    nearest = letters(album.search("-k", "3"))
    assert sorted(letters(album.search("-k", "3", "--sort", "name"))) == sorted(nearest)
    diverse = ("-k", "4", "--diverse", "0.3")
    assert sorted(letters(album.search(*diverse, "--sort", "taken"))) == sorted(letters(album.search(*diverse)))


def test_every_answer_of_a_folder_is_sorted(album: Album) -> None:
    done = call("query", "--batch", album.folder, "--sort", "name", "--json", "--index", album.index)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(PICTURES) and {letters(answer) for answer in answers} == {"abcdefg"}


def test_python_sorts_too(album: Album) -> None:
    with ls.open(album.index) as pictures:
        assert [Path(hit.path).name[0].lower() for hit in pictures.search(2, sort="name")] == list("abcdefg")
        with pytest.raises(ls.InputError, match="sort is 'date': it must be one of similarity, taken, name"):
            pictures.search(2, sort="date")
        facts = {fact.name: fact for fact in pictures.facts()}
    assert list(facts) == ["taken", "camera", "lens", "latitude", "longitude", "orientation"]
    assert (facts["taken"].type, facts["taken"].count) == ("date", 4)
    assert (facts["taken"].least, facts["taken"].greatest) == ("2023-12-31T23:59:59", "2024-06-15T12:00:00.500")
    assert facts["orientation"].type == "whole number" and facts["camera"].count == 3


def test_the_verb_labels_lists_facts(album: Album) -> None:
    lines = dict(line.split("\t", 1) for line in call("labels", "--index", album.index).stdout.splitlines())
    assert lines["file:taken"] == "date\t4\t2023-12-31T23:59:59 to 2024-06-15T12:00:00.500"
    assert lines["file:camera"] == "text\t3\t1 of Apple iPhone 6, 1 of Canon EOS 40D, 1 of X100"


# Copies, changes, removals


def test_copies_moves_and_changes(tmp_path: Path) -> None:
    album = make_album(tmp_path)
    shutil.copy(album.folder / "b.jpg", album.folder / "h.jpg")
    os.rename(album.folder / "e.png", album.folder / "i.png")
    (album.folder / "A.jpg").write_bytes(photograph(1, exif=exif_of(model="Other")))
    summary = indexed(album)
    assert (summary["copied"], summary["moved"], summary["changed"]) == (1, 1, 1)
    assert (album.found("camera~*iPhone*"), album.found("camera=X100")) == ("bh", "i")
    assert (album.found("camera=Other"), album.found("camera~Canon*"), album.found("lens~*")) == ("a", "", "")
    assert call("remove", album.folder / "h.jpg", "--index", album.index).exit_code == 0
    assert album.found("camera~*iPhone*") == "b"
    with sqlite3.connect(album.index / "catalog.sqlite") as catalog:
        (orphans,) = catalog.execute(
            "SELECT count(*) FROM fact WHERE image_id NOT IN (SELECT id FROM image)"
        ).fetchone()
    catalog.close()
    assert orphans == 0


# Indexes of earlier versions


def make_unread(album: Album) -> None:
    """Put an index into the state in which the migration leaves one of an earlier version."""
    with sqlite3.connect(album.index / "catalog.sqlite") as catalog:
        catalog.execute("DELETE FROM fact")
        catalog.execute("INSERT INTO facts_unread SELECT id FROM image")
    catalog.close()


def test_an_earlier_index_gets_its_facts_in_the_next_run(own: Album) -> None:
    expected = own.facts()
    make_unread(own)
    assert own.facts()["b"] == {"megapixels": 0.0} and own.found("taken>=2024") == ""
    steps: list[Sequence[object]] = []
    summary = ls.index(own.folder, path=own.index, on_progress=lambda *step: steps.append(step))
    assert (summary.facts_read, summary.encoded) == (len(PICTURES), 0)
    assert ("indexing", len(PICTURES), len(PICTURES)) in steps
    assert own.facts() == expected
    assert indexed(own)["facts_read"] == 0


def test_people_are_told(own: Album) -> None:
    make_unread(own)
    done = call("index", own.folder, "--index", own.index, "--encoder", own.bundle)
    assert f"{len(PICTURES)} of an earlier version got their facts" in done.stdout


def test_files_that_are_gone_or_changed_wait(tmp_path: Path) -> None:
    album = make_album(tmp_path)
    make_unread(album)
    os.rename(album.folder / "b.jpg", tmp_path / "away.jpg")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.jpg").write_bytes(photograph(99, exif=exif_of(model="New")))
    done = call("index", other, "--index", album.index, "--encoder", album.bundle, "--json")
    assert json.loads(done.stdout)["facts_read"] == len(PICTURES) - 1
    os.rename(tmp_path / "away.jpg", album.folder / "b.jpg")
    assert (album.found("camera~*iPhone*"), album.found("camera=New")) == ("", "x")
    assert indexed(album)["facts_read"] == 1
    assert album.found("camera~*iPhone*") == "b"


def test_a_copy_of_an_unread_picture_is_read_as_well(tmp_path: Path) -> None:
    album = make_album(tmp_path)
    make_unread(album)
    shutil.copy(album.folder / "b.jpg", album.folder / "h.jpg")
    assert indexed(album)["facts_read"] == len(PICTURES) + 1
    assert album.found("camera~*iPhone*") == "bh"


def test_large_files_are_read_only_at_the_start(tmp_path: Path) -> None:
    """A photograph of 12 megapixels, and a PNG whose metadata lie behind its pixels."""
    album = make_album(tmp_path)
    noise = Image.effect_noise((1200, 900), 90).convert("RGB")
    noise.save(album.folder / "x.jpg", quality=98, exif=exif_of(model="Large"))
    noise.save(album.folder / "y.png", exif=exif_of(model="Large"))
    assert all((album.folder / name).stat().st_size > 2**18 for name in ("x.jpg", "y.png"))
    indexed(album)
    make_unread(album)
    indexed(album)
    assert album.found("camera=Large") == "xy"


# Parquet


def test_facts_travel_in_parquet_files(album: Album, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "codes.parquet"
    assert call("export", "-o", file, "--index", album.index).exit_code == 0
    columns = ["path", "taken", "taken_offset", "camera", "orientation"]
    rows = {Path(row["path"]).stem.lower(): row for row in parquet.read_table(file, columns=columns).to_pylist()}
    assert rows["b"]["taken"] == datetime(2024, 5, 1, 0, 30) and rows["b"]["taken_offset"] == 540
    assert rows["c"]["taken"] == datetime(2024, 6, 15, 12, 0, 0, 500_000) and rows["c"]["camera"] is None
    assert (rows["a"]["camera"], rows["a"]["orientation"]) == ("Canon EOS 40D", 6)
    again = Album(tmp_path / "again", album.bundle, album.folder)
    imported = call("import", file, "--index", again.index, "--encoder", album.bundle)
    assert imported.exit_code == 0, imported.stderr
    assert again.facts() == album.facts()
    assert indexed(again)["facts_read"] == 2  # the file cannot tell pictures without facts from those not read yet


def test_impossible_facts_of_a_parquet_file_are_left_out(album: Album, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "codes.parquet"
    assert call("export", "-o", file, "--index", album.index).exit_code == 0
    table = parquet.read_table(file)
    for name, value in (("latitude", float("nan")), ("orientation", 99), ("taken_offset", 10**6), ("camera", "")):
        place = table.schema.get_field_index(name)
        column = arrow.array([value] * len(table), table.schema.field(name).type)
        table = table.set_column(place, table.schema.field(name), column)
    parquet.write_table(table, file)
    again = Album(tmp_path / "again", album.bundle, album.folder)
    imported = call("import", file, "--index", again.index, "--encoder", album.bundle)
    assert imported.exit_code == 0, imported.stderr
    facts = again.facts()
    assert facts["b"] == {"taken": "2024-05-01T00:30:00", "megapixels": 0.0}
    assert facts["a"] == {"taken": "2023-12-31T23:59:59", "lens": "EF 50mm f/1.8", "megapixels": 0.0}
